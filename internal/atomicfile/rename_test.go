package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// renames are the implementations of renameNew; a file system may support only one.
var renames = map[string]func(from, to string) error{"rename": renameNew, "link": linkNew, "claim": claimNew}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Of several concurrent renames one succeeds, and the other files stay. A dangling link counts as an existing name.
func TestRenameNew(t *testing.T) {
	for name, rename := range renames {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			final := filepath.Join(dir, "final")
			var won atomic.Int32
			var all sync.WaitGroup
			for i := range 16 {
				from := write(t, filepath.Join(dir, fmt.Sprint(i)), fmt.Sprint(i))
				all.Go(func() {
					switch err := rename(from, final); {
					case err == nil:
						won.Add(1)
					case !errors.Is(err, fs.ErrExist):
						t.Error(err)
					}
				})
			}
			all.Wait()
			text, err := os.ReadFile(final)
			if entries, _ := os.ReadDir(dir); won.Load() != 1 || len(entries) != 16 || err != nil || len(text) == 0 {
				t.Errorf("%d of 16 got the name, %d files are left, it holds %q: %v", won.Load(), len(entries), text, err)
			}
			dangling := filepath.Join(dir, "dangling")
			if err := os.Symlink("nothing", dangling); err != nil {
				t.Fatal(err)
			}
			if err := rename(write(t, filepath.Join(dir, "new"), "new"), dangling); !errors.Is(err, fs.ErrExist) {
				t.Errorf("a link was replaced: %v", err)
			}
		})
	}
}
