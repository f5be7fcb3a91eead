// Package tree plans a folder of sources in memory, patches the plan, and writes what changed.
package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// Tree is the wanted content of a folder of sources, by slash-separated path. If planning fails, the folder is
// unchanged.
type Tree map[string]file

// file says where the content of a planned file comes from.
type file struct {
	fsys fs.FS
	name string // in fsys
	exec bool
}

func (f file) read() ([]byte, error) { return fs.ReadFile(f.fsys, f.name) }

// Add plans the files of fsys below prefix, "" for the top. skip leaves out files and folders, by their slash-separated
// path in fsys; nil keeps all.
func (t Tree) Add(prefix string, fsys fs.FS, skip func(name string, dir bool) bool) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && skip != nil && skip(name, d.IsDir()) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		info, err := fs.Stat(fsys, name) // follows links, which a checkout may contain
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		t[path.Join(prefix, name)] = file{fsys: fsys, name: name, exec: info.Mode()&0o111 != 0}
		return nil
	})
}

// Names returns the planned paths, sorted.
func (t Tree) Names() []string {
	return slices.Sorted(maps.Keys(t))
}

// NamesKey returns a hash of the planned paths.
func (t Tree) NamesKey() string {
	sum := sha256.Sum256([]byte(strings.Join(t.Names(), "\n")))
	return hex.EncodeToString(sum[:])
}

// Sync makes dir contain exactly the planned files, and returns how many were written or removed. Unchanged files keep
// their time, so that a build in dir compiles only what changed.
func (t Tree) Sync(dir string) (changed int, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(dir) // no planned name can leave dir
	if err != nil {
		return 0, err
	}
	defer root.Close()
	changed, err = t.prune(root)
	if err != nil {
		return changed, err
	}
	for _, name := range t.Names() {
		data, err := t[name].read()
		if err != nil {
			return changed, err
		}
		if sameContent(root, name, data) {
			continue
		}
		if err := writeFile(root, name, data, t[name].exec); err != nil {
			return changed, err
		}
		changed++
	}
	return changed, nil
}

func sameContent(root *os.Root, name string, data []byte) bool {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(data)) {
		return false
	}
	have, err := root.ReadFile(name)
	return err == nil && bytes.Equal(have, data)
}

func writeFile(root *os.Root, name string, data []byte, exec bool) error {
	mode := fs.FileMode(0o644)
	if exec {
		mode = 0o755
	}
	if err := errors.Join(root.RemoveAll(name), root.MkdirAll(path.Dir(name), 0o755)); err != nil {
		return err
	}
	return root.WriteFile(name, data, mode)
}

// prune removes what is not planned, and folders that become empty.
func (t Tree) prune(root *os.Root) (removed int, err error) {
	var dirs []string
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			dirs = append(dirs, name)
			return nil
		}
		if _, ok := t[name]; ok {
			return nil
		}
		removed++
		return root.Remove(name)
	})
	if err != nil {
		return removed, err
	}
	for i := len(dirs) - 1; i > 0; i-- { // children first; keeps the top
		entries, err := fs.ReadDir(root.FS(), dirs[i])
		if err == nil && len(entries) == 0 {
			err = root.Remove(dirs[i])
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
	}
	return removed, nil
}

// AddDir is Add for a folder on disk.
func (t Tree) AddDir(prefix, dir string, skip func(string, bool) bool) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", dir)
	}
	return t.Add(prefix, os.DirFS(dir), skip)
}

// Overlay is what is added to the sources of llama.cpp.
type Overlay struct {
	Head    fs.FS // sources, copied to flashhead/ in the tree, without Go files
	Patches fs.FS // folders of patches with a file "series": CureFolder and Pins.Patches
}

// GoFiles skips the Go files that embed the head's sources; see Tree.Add.
func GoFiles(name string, dir bool) bool { return !dir && strings.HasSuffix(name, ".go") }
