package tree

import (
	"context"
	"io/fs"
	"strings"
)

// Overlay is what is laid over the sources of llama.cpp.
type Overlay struct {
	Head    fs.FS // sources, copied to flashhead/ in the tree; Go files are left out
	Patches fs.FS // folders with patches and a series file: cureFolder, and the one that Pins.Patches names
}

// Over lays the head's sources and a series of patches over a tree of llama.cpp.
func (o Overlay) Over(ctx context.Context, llama Tree, series []Patch, p Patcher) (Tree, error) {
	if err := llama.Add("flashhead", o.Head, GoFiles); err != nil {
		return nil, err
	}
	return p.Apply(ctx, llama, series)
}

// GoFiles are those that embed the head's sources, no part of it.
func GoFiles(name string, dir bool) bool { return !dir && strings.HasSuffix(name, ".go") }
