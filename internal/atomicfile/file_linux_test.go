package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
)

func holds(t *testing.T, path, want string) {
	t.Helper()
	if text, err := os.ReadFile(path); err != nil || string(text) != want {
		t.Errorf("%s holds %q, not %q: %v", path, text, want, err)
	}
}

// replaced replaces the content of final with "new".
func replaced(t *testing.T, final string) {
	t.Helper()
	o, err := Create(final, "-o", 0, true)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Discard()
	if info, err := o.Stat(); err == nil {
		if _, err := os.Stat(final); err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("while it is written its mode is %v", info.Mode())
		}
	}
	if err := o.Complete([]byte("new")); err != nil {
		t.Fatal(err)
	}
	holds(t, final, "new")
}

// A file that replaces another keeps its mode, and as root its owner. Another hard link keeps the old content.
func TestReplaceKeepsRights(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o444, 0o755} {
		final := write(t, filepath.Join(t.TempDir(), "out"), "old")
		if err := os.Chmod(final, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(final, final+"2"); err != nil {
			t.Fatal(err)
		}
		uid, gid := os.Geteuid(), os.Getegid()
		if uid == 0 {
			uid, gid = 12345, 54321
			if err := os.Chown(final, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
		replaced(t, final)
		holds(t, final+"2", "old")
		info, err := os.Stat(final)
		if err != nil {
			t.Fatal(err)
		}
		owner := info.Sys().(*syscall.Stat_t)
		if info.Mode() != mode || int(owner.Uid) != uid || int(owner.Gid) != gid {
			t.Errorf("mode %v of %d:%d became %v of %d:%d", mode, uid, gid, info.Mode(), owner.Uid, owner.Gid)
		}
	}
}

// A chain of links stays, and the file at its end is replaced.
func TestReplaceBehindLink(t *testing.T) {
	dir := t.TempDir()
	final, middle, target := filepath.Join(dir, "out"), filepath.Join(dir, "middle"), filepath.Join(dir, "in", "target")
	if err := errors.Join(os.Mkdir(filepath.Dir(target), 0o755), os.Symlink("middle", final),
		os.Symlink(filepath.Join("in", "target"), middle)); err != nil {
		t.Fatal(err)
	}
	write(t, target, "old")
	replaced(t, final)
	holds(t, target, "new")
	for _, link := range []string{final, middle} {
		if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
			t.Errorf("%s is not a link any more: %v", link, err)
		}
	}
}

// A link that leads nowhere is not replaced, nor is a folder.
func TestReplaceNothing(t *testing.T) {
	dir := t.TempDir()
	cycle, dangling := filepath.Join(dir, "cycle"), filepath.Join(dir, "dangling")
	if err := errors.Join(os.Symlink("cycle", cycle), os.Symlink("none", dangling)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		cycle: "leads nowhere", dangling: "leads nowhere", dir: "not a regular file",
	} {
		_, err := Create(path, "-o", 0, true)
		hinttest.Check(t, err, want)
	}
}

// A shared file replaces a link, not what the link leads to, and everybody may read it whatever was there before.
func TestReplaceShared(t *testing.T) {
	dir := t.TempDir()
	target, link := write(t, filepath.Join(dir, "target"), "mine"), filepath.Join(dir, "link")
	if err := errors.Join(os.Chmod(target, 0o600), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	for _, final := range []string{link, target, filepath.Join(dir, "new")} {
		out, err := ReplaceShared(final, "-o", 4)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Discard()
		if err := out.Complete([]byte("new")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(final); err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o644 {
			t.Errorf("%s is %v, %v", final, info.Mode(), err)
		}
		if final == link {
			holds(t, target, "mine")
		}
	}
}

func TestSharedFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "maps")
	for range 2 { // an existing one is left
		if err := SharedFolder(path); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the folder is %v, %v", info.Mode(), err)
	}
}

// names returns the names in dir.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

// A writer removes what a killed one left, but not files of running writers or similar names.
func TestAbandoned(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "out.gguf")
	for _, name := range []string{
		".out.gguf.partial-ABCDEFGH", ".out.gguf.partial-ABCDEFG", ".out.gguf.partial-abcdefgh",
		".other.gguf.partial-ABCDEFGH", "out.gguf.partial-ABCDEFGH",
	} {
		write(t, filepath.Join(dir, name), name)
	}
	if err := os.Mkdir(filepath.Join(dir, ".out.gguf.partial-AAAAAAAA"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(final, filepath.Join(dir, ".out.gguf.partial-BBBBBBBB")); err != nil {
		t.Fatal(err)
	}
	begin := func() *File {
		o, err := Create(final, "-o", 0, true)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	first, second := begin(), begin()
	if _, err := first.WriteString("first"); err != nil {
		t.Fatal(err)
	}
	if err := first.Finish(); err != nil {
		t.Fatal(err)
	}
	begin().Discard() // the first is closed but not published
	if err := first.Publish(); err != nil {
		t.Error(err)
	}
	second.Discard()
	want := []string{
		".other.gguf.partial-ABCDEFGH", ".out.gguf.partial-AAAAAAAA", ".out.gguf.partial-ABCDEFG",
		".out.gguf.partial-BBBBBBBB", ".out.gguf.partial-abcdefgh",
		"out.gguf", "out.gguf.partial-ABCDEFGH",
	}
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, not %q", got, want)
	}
	if text, err := os.ReadFile(final); string(text) != "first" {
		t.Errorf("the output is %q: %v", text, err)
	}
}

// NewFolder removes folders of killed processes: all in the cache, those of its kind in TMPDIR. Folders in use stay.
func TestAbandonedFolders(t *testing.T) {
	tmp, cache := t.TempDir(), filepath.Join(t.TempDir(), "[x]") // must not be a pattern
	t.Setenv("TMPDIR", tmp)
	t.Setenv("FH_OLLAMA_CACHE", cache)
	temporary := filepath.Join(cache, "temporary")
	for _, path := range []string{
		filepath.Join(tmp, "fh-ollama-model-1"), filepath.Join(tmp, "fh-ollama-other-1"),
		filepath.Join(temporary, "fh-ollama-model-1"), filepath.Join(temporary, "fh-ollama-other-1"),
	} {
		if err := os.MkdirAll(filepath.Join(path, "in"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	theirs := filepath.Join(temporary, "photos") // of a user who names a folder of theirs as the cache
	if err := os.Mkdir(theirs, 0o700); err != nil {
		t.Fatal(err)
	}
	first, err := NewFolder("model")
	if err != nil {
		t.Fatal(err)
	}
	second, err := NewFolder("other")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.Path); err != nil {
		t.Errorf("a folder in use: %v", err)
	}
	if err := second.Remove(); err != nil {
		t.Error(err)
	}
	if left := names(t, tmp); left != nil {
		t.Errorf("left in TMPDIR are %v", left)
	}
	if left := names(t, temporary); !slices.Equal(left, []string{filepath.Base(first.Path), "photos"}) {
		t.Errorf("left in the cache are %v; %s is in use, %s is the user's", left, first.Path, theirs)
	}
	if err := first.Remove(); err != nil {
		t.Error(err)
	}
}

// Without a cache, folders are made in TMPDIR, and others' are left alone.
func TestFolderWithoutCache(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("FH_OLLAMA_CACHE", filepath.Join(os.DevNull, "cache"))
	if err := os.Mkdir(filepath.Join(tmp, "fh-ollama-other-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	folder, err := NewFolder("model")
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(folder.Path) != tmp {
		t.Errorf("the folder is %s", folder.Path)
	}
	if err := folder.Remove(); err != nil {
		t.Error(err)
	}
	if left := names(t, tmp); len(left) != 1 {
		t.Errorf("left in TMPDIR are %v", left)
	}
}
