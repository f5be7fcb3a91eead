package install

import (
	"os"
	"path/filepath"
	"testing"
)

// Folders above the prefix that came with it go with it, unless somebody uses them. A prefix can be installed from.
func TestParents(t *testing.T) {
	for _, used := range []bool{false, true} {
		above := t.TempDir()
		dir := filepath.Join(above, "a", "b", "c")
		installPrefix(t, built(t, first), dir)
		copied := filepath.Join(t.TempDir(), "copy")
		installPrefix(t, built(t, second), copied)
		installPrefix(t, copied, dir)
		want := map[string]string{".": "/"}
		if used {
			lay(t, above, map[string]string{"a/note": "theirs"})
			want = map[string]string{".": "/", "a": "/", "a/note": "theirs"}
		}
		uninstallPrefix(t, dir)
		expect(t, above, want)
	}
}

// Folders of files that an upgrade removes go with them.
func TestFolderOfOldFiles(t *testing.T) {
	dir := t.TempDir()
	installPrefix(t, built(t, second), dir)
	installPrefix(t, built(t, first), dir)
	if _, err := os.Stat(filepath.Join(dir, "lib/ollama/cuda")); err == nil {
		t.Error("the folder of an older version's file is left")
	}
	uninstallPrefix(t, dir)
	expect(t, dir, map[string]string{".": "/"})
}

// What a killed run left goes with the next one, also if there is nothing else to do, and with uninstall.
func TestLeftovers(t *testing.T) {
	for _, again := range []bool{true, false} {
		above := t.TempDir()
		dir := filepath.Join(above, "flashhead")
		installPrefix(t, built(t, first), dir)
		lay(t, dir, map[string]string{"bin/.ollama.partial-ABCDEFGH": "half a file",
			share + "/." + receiptName + ".partial-ABCDEFGH": "{"})
		if again {
			if n := installPrefix(t, built(t, first), dir).Changed; n != 0 {
				t.Errorf("%d files changed", n)
			}
			if _, err := os.Stat(filepath.Join(dir, "bin/.ollama.partial-ABCDEFGH")); err == nil {
				t.Error("what the killed run left is still there")
			}
		}
		lay(t, dir, map[string]string{"bin/.ollama.partial-mine": "theirs"})
		uninstallPrefix(t, dir)
		expect(t, above, map[string]string{".": "/", "flashhead": "/", "flashhead/bin": "/",
			"flashhead/bin/.ollama.partial-mine": "theirs"})
	}
}

// A first installation that was killed while it wrote is known, and taken away with its folders.
func TestKilledFirst(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "a", "b")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	w := planned(t, root, built(t, first))
	w.own.Folders = []string{"..", "."}
	if _, err := w.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	uninstallPrefix(t, dir)
	expect(t, above, map[string]string{".": "/"})
}
