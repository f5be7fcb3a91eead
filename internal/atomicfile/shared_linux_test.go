package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

// A shared file replaces a link, not what the link leads to, and everybody may read it whatever was there before.
func TestReplaceShared(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
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
		info, err := os.Lstat(final)
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o644 {
			t.Errorf("%s is %v, %v", final, info.Mode(), err)
		}
		if data, err := os.ReadFile(target); final == link && (err != nil || string(data) != "mine") {
			t.Errorf("the link's target has %q, %v", data, err)
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
	if err := SharedFolder(filepath.Join(path, "none", "maps")); err == nil {
		t.Error("a folder was made in one that does not exist")
	}
}
