package tree

import (
	"context"
	"io/fs"
	"strings"
)

// Overlay is what is added to the sources of llama.cpp.
type Overlay struct {
	Head    fs.FS // sources, copied to flashhead/ in the tree, without Go files
	Patches fs.FS // folders of patches with a file "series": CureFolder and Pins.Patches
}

// Over adds the head's sources to llama and applies a series of patches.
func (o Overlay) Over(ctx context.Context, llama Tree, series []Patch, p Patcher) (Tree, error) {
	if err := llama.Add("flashhead", o.Head, GoFiles); err != nil {
		return nil, err
	}
	return p.Apply(ctx, llama, series)
}

// GoFiles skips the Go files that embed the head's sources; see Tree.Add.
func GoFiles(name string, dir bool) bool { return !dir && strings.HasSuffix(name, ".go") }
