package atomicfile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// partialPrefix returns the start of the temporary names for the file final. Eight letters and digits follow.
func partialPrefix(final string) string {
	name := filepath.Base(final)
	return "." + name[:min(len(name), 200)] + ".partial-"
}

var partialSuffix = regexp.MustCompile(`^[A-Z2-7]{8}$`)

// newPartial creates a temporary file beside final and holds it. held is nil if there are no locks.
func newPartial(final string, perm os.FileMode) (file, held *os.File, err error) {
	for {
		path := filepath.Join(filepath.Dir(final), partialPrefix(final)+rand.Text()[:8])
		if file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm); err != nil {
			return nil, nil, err
		}
		held, err = hold(path) // without locks no other process removes it either
		if !errors.Is(err, errHeld) && isAt(file, path) {
			return file, held, nil
		}
		file.Close() // removed as abandoned before it was held
		held.Close()
	}
}

// errHeld means that another process uses a file or folder.
var errHeld = errors.New("held by another process")

// RemoveAbandoned removes the temporary files of killed writers of final. It removes none without locks.
func RemoveAbandoned(final string) {
	prefix := partialPrefix(final)
	removeAbandoned(filepath.Dir(final), func(entry fs.DirEntry) bool {
		suffix, found := strings.CutPrefix(entry.Name(), prefix)
		return found && partialSuffix.MatchString(suffix) && entry.Type().IsRegular()
	})
}

// removeAbandoned removes the files and folders in dir that are ours and that no process holds.
func removeAbandoned(dir string, ours func(fs.DirEntry) bool) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if !ours(entry) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		if held, err := hold(path); err == nil {
			if isAt(held, path) {
				os.RemoveAll(path)
			}
			held.Close()
		}
	}
}

// isAt reports whether path still names the open file.
func isAt(file *os.File, path string) bool {
	open, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(open, named)
}
