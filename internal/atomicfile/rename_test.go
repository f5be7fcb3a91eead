package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
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

// A file that does not fit is not begun, and every error says what to do.
func TestHints(t *testing.T) {
	_, err := Create(filepath.Join(t.TempDir(), "out"), "-o", 1<<60, false)
	if _, known := Free("."); known && (!errors.Is(err, ErrNoSpace) || !strings.Contains(hint.Of(err), "another disk")) {
		t.Errorf("%v, hint %q", err, hint.Of(err))
	}
	o := &File{final: "out", flag: "-o"}
	for err, want := range map[error]string{
		syscall.ENOSPC: "another disk", syscall.EDQUOT: "another disk", syscall.EFBIG: "another disk",
		syscall.EACCES: "a folder that you may write to with -o", syscall.EROFS: "a folder that you may write to",
		syscall.ENOENT: "make the folder first", syscall.ENOTDIR: "make the folder first",
		syscall.EIO: "another output with -o",
	} {
		got := o.Explain(&os.PathError{Op: "open", Path: "x", Err: err})
		if !strings.HasPrefix(got.Error(), "cannot write out: ") || !strings.Contains(hint.Of(got), want) {
			t.Errorf("%v, hint %q, want %q", got, hint.Of(got), want)
		}
	}
}
