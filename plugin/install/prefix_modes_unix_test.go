//go:build unix

package install

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// All users may enter, read and run what is installed, whatever the umask of whoever built and installed it.
func TestModes(t *testing.T) {
	above := t.TempDir()
	defer syscall.Umask(syscall.Umask(0o077))
	from, dir := built(t, first), filepath.Join(above, "opt", "flashhead")
	if err := os.Chmod(filepath.Join(from, "lib/ollama/old"), 0o600); err != nil {
		t.Fatal(err)
	}
	installPrefix(t, from, dir)
	err := filepath.WalkDir(filepath.Join(above, "opt"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := fs.FileMode(0o755) // as lay wrote build.json, too
		share := strings.HasPrefix(path, filepath.Join(dir, "share")) && filepath.Base(path) != "build.json"
		if !d.IsDir() && (share || filepath.Base(path) == "old") {
			want = 0o644
		}
		if err == nil && d.Type()&fs.ModeSymlink == 0 && info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, not %v", path, info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Two at once would take each other's files for leftovers.
func TestAtOnce(t *testing.T) {
	dir := t.TempDir()
	installPrefix(t, built(t, first), dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	release, err := lock(root, ".")
	if err != nil {
		t.Fatal(err)
	}
	before := laid(t, dir)
	if _, err := Prefix(t.Context(), PrefixOptions{From: built(t, second), Dir: dir}); err == nil ||
		!strings.Contains(err.Error(), "at work") {
		t.Errorf("a second install: %v", err)
	}
	if _, err := UninstallPrefix(dir, false); err == nil || !strings.Contains(err.Error(), "at work") {
		t.Errorf("an uninstall: %v", err)
	}
	expect(t, dir, before)
	release()
	uninstallPrefix(t, dir)
}
