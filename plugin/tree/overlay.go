package tree

import (
	"io/fs"
	"strings"
)

// Overlay is what is added to the sources of llama.cpp.
type Overlay struct {
	Head    fs.FS // sources, copied to flashhead/ in the tree, without Go files
	Patches fs.FS // folders of patches with a file "series": CureFolder and Pins.Patches
}

// GoFiles skips the Go files that embed the head's sources; see Tree.Add.
func GoFiles(name string, dir bool) bool { return !dir && strings.HasSuffix(name, ".go") }
