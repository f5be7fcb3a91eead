package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// replaced replaces the content of final with "new".
func replaced(t *testing.T, final string) {
	t.Helper()
	o, err := Replace(final, "-o", 0)
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

// Replace keeps the mode, and as root the owner.
func TestReplaceKeepsRights(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o444, 0o755} {
		final := write(t, filepath.Join(t.TempDir(), "out"), "old")
		if err := os.Chmod(final, mode); err != nil {
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

// A chain of links stays, and the file at its end is replaced or created.
func TestReplaceBehindLink(t *testing.T) {
	for _, before := range []string{"old", ""} {
		dir := t.TempDir()
		final, middle, target := filepath.Join(dir, "out"), filepath.Join(dir, "middle"), filepath.Join(dir, "in", "target")
		if err := os.Mkdir(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if before != "" {
			write(t, target, before)
		}
		for link, to := range map[string]string{final: "middle", middle: filepath.Join("in", "target")} {
			if err := os.Symlink(to, link); err != nil {
				t.Fatal(err)
			}
		}
		replaced(t, final)
		holds(t, target, "new")
		for _, link := range []string{final, middle} {
			if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
				t.Errorf("%s is not a link any more: %v", link, err)
			}
		}
	}
}

func TestReplaceOneOfTwoLinks(t *testing.T) {
	final := write(t, filepath.Join(t.TempDir(), "out"), "old")
	if err := os.Link(final, final+"2"); err != nil {
		t.Skip("no hard links here: ", err)
	}
	replaced(t, final)
	holds(t, final+"2", "old")
}

// A cycle of links is an error, and so is a folder.
func TestReplaceNothing(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "out")
	if err := os.Symlink("out", final); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{final, dir} {
		if o, err := Replace(path, "-o", 0); err == nil {
			o.Discard()
			t.Errorf("%s can be replaced", path)
		}
	}
}
