package integration

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// tree describes every file below dir, with its mode, its content and the time of its last change.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := path + " " + info.Mode().String()
		if !d.IsDir() { // a folder's time changes with temporary files
			line += " " + digestOrLink(t, path, info) + " " + info.ModTime().String()
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func digestOrLink(t *testing.T, path string, info fs.FileInfo) string {
	if info.Mode()&fs.ModeSymlink == 0 {
		return digest(t, path)
	}
	link, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return link
}
