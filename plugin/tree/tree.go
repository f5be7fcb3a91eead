// Package tree plans folders of sources in memory, patches the plan, and brings folders up to date with it.
package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Tree is the wanted state of a folder of sources: slash-separated path to content. It is planned in memory and
// written by Sync, so that a plan that fails leaves the folder as it was.
type Tree map[string]file

// file is where the content of a planned file comes from.
type file struct {
	fsys fs.FS
	name string // in fsys
	Exec bool
}

func (f file) read() ([]byte, error) { return fs.ReadFile(f.fsys, f.name) }

// Add plans the files of fsys below prefix ("" for the top), except those for which skip says so.
// skip sees slash-separated paths in fsys, of folders too; nil skips nothing.
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
		info, err := fs.Stat(fsys, name) // follows links, so that a checkout may contain some
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return nil
		}
		t[join(prefix, name)] = file{fsys: fsys, name: name, Exec: info.Mode()&0o111 != 0}
		return nil
	})
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "/" + name
}

// Names returns the planned paths in order.
func (t Tree) Names() []string {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// NamesKey is a digest of the planned paths.
func (t Tree) NamesKey() string {
	sum := sha256.Sum256([]byte(strings.Join(t.Names(), "\n")))
	return hex.EncodeToString(sum[:])
}

// Stats counts what Sync did.
type Stats struct{ Written, Removed, Kept int }

// Changed reports whether anything on disk changed.
func (s Stats) Changed() bool { return s.Written+s.Removed > 0 }

// Sync makes dir hold exactly the planned files. Files whose content is already right are not touched, so that a
// build in dir compiles only what changed.
func (t Tree) Sync(dir string) (Stats, error) {
	var stats Stats
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return stats, err
	}
	root, err := os.OpenRoot(dir) // no planned name can leave dir
	if err != nil {
		return stats, err
	}
	defer root.Close()
	for _, name := range t.Names() {
		data, err := t[name].read()
		if err != nil {
			return stats, err
		}
		if sameContent(root, name, data) {
			stats.Kept++
			continue
		}
		if err := writeFile(root, name, data, t[name].Exec); err != nil {
			return stats, err
		}
		stats.Written++
	}
	stats.Removed, err = t.prune(root)
	return stats, err
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
	if dir := filepath.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			if err := removeFilesAbove(root, name); err != nil {
				return err
			}
			if err := root.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
	}
	if err := root.RemoveAll(name); err != nil {
		return err
	}
	return root.WriteFile(name, data, mode)
}

// removeFilesAbove removes what stands where name needs a folder.
func removeFilesAbove(root *os.Root, name string) error {
	for i, c := range name {
		if c != '/' {
			continue
		}
		if info, err := root.Lstat(name[:i]); err == nil && !info.IsDir() {
			return root.Remove(name[:i])
		}
	}
	return nil
}

// prune removes what is not planned, and folders that are empty then.
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
	for i := len(dirs) - 1; i > 0; i-- { // children first, the top itself stays
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

// AddDir plans a folder on disk; see Add.
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
