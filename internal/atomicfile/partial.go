package atomicfile

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// partialPrefix is how the temporary names of the file final begin; eight letters and digits follow.
func partialPrefix(final string) string {
	name := filepath.Base(final)
	return "." + name[:min(len(name), 200)] + ".partial-"
}

var partialSuffix = regexp.MustCompile(`^[A-Z2-7]{8}$`)

// newPartial makes a temporary file beside final, and holds it if it can: held is nil if not.
func newPartial(final string, perm os.FileMode) (file, held *os.File, err error) {
	for {
		path := filepath.Join(filepath.Dir(final), partialPrefix(final)+rand.Text()[:8])
		if file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm); err != nil {
			return nil, nil, err
		}
		held, err = hold(path) // without locks nobody removes what he cannot hold either
		if !errors.Is(err, errHeld) && isAt(file, path) {
			return file, held, nil
		}
		file.Close() // taken for an abandoned one in the moment before it was held
		held.Close()
	}
}

// errHeld says that another process uses a file or folder.
var errHeld = errors.New("held by another process")

// removeAbandoned removes what writers of final left that ended in the middle, by kill -9 or with the machine. Files
// that a writer holds stay, and all where that cannot be told.
func removeAbandoned(final string) {
	dir, prefix := filepath.Dir(final), partialPrefix(final)
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		suffix, found := strings.CutPrefix(entry.Name(), prefix)
		if !found || !partialSuffix.MatchString(suffix) || !entry.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		if held, err := hold(path); err == nil {
			if isAt(held, path) {
				os.Remove(path)
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
