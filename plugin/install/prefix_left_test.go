package install

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// rewrite changes the receipt of an installation.
func rewrite(t *testing.T, dir string, change func(r *receipt)) {
	t.Helper()
	path := filepath.Join(dir, receiptPath)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r receipt
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	change(&r)
	if data, err = json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Whatever a receipt calls a folder, no file, no link and no folder of somebody else's is removed, nor opened for
// others.
func TestReceiptOfAnything(t *testing.T) {
	parent := t.TempDir()
	lay(t, parent, map[string]string{"outside/secret": "theirs"})
	dir := filepath.Join(parent, "flashhead")
	installPrefix(t, built(t, first), dir)
	lay(t, dir, map[string]string{"note": "theirs", "link": "-> note", "lib/file": "theirs",
		"lib/out": "-> ../../outside"})
	if err := os.MkdirAll(filepath.Join(dir, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	rewrite(t, dir, func(r *receipt) {
		r.Folders = append(r.Folders, "note", "link", "empty", "lib/file", "lib/out", "../outside", "../outside/secret",
			"/etc/hostname")
		r.Folders = append(r.Folders, above(9), above(1))
	})
	installPrefix(t, built(t, second), dir)
	if info, err := os.Stat(filepath.Join(dir, "empty")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("an upgrade makes of somebody's folder %v, %v", info, err)
	}
	rewrite(t, dir, func(r *receipt) {
		r.Folders = append(r.Folders, "note", "link", "empty", "lib/file", "lib/out", "../outside/secret")
	})
	uninstallPrefix(t, dir)
	expect(t, parent, map[string]string{".": "/", "outside": "/", "outside/secret": "theirs", "flashhead": "/",
		"flashhead/note": "theirs",
		"flashhead/link": "-> note", "flashhead/empty": "/", "flashhead/lib": "/", "flashhead/lib/file": "theirs",
		"flashhead/lib/out": "-> ../../outside"})
}

// A prefix that is a link keeps it.
func TestLinkToPrefix(t *testing.T) {
	above := t.TempDir()
	dir, link := filepath.Join(above, "flashhead"), filepath.Join(above, "link")
	installPrefix(t, built(t, first), dir)
	lay(t, above, map[string]string{"link": "-> flashhead"})
	uninstallPrefix(t, link)
	expect(t, above, map[string]string{".": "/", "link": "-> flashhead", "flashhead": "/"})
}

// All is looked at before the first file is removed.
func TestUninstallLooksFirst(t *testing.T) {
	dir := t.TempDir()
	installPrefix(t, built(t, first), dir)
	rewrite(t, dir, func(r *receipt) { r.Files = append(r.Files, made{Path: strings.Repeat("x", 300), SHA256: "0"}) })
	before := laid(t, dir)
	if _, err := UninstallPrefix(dir, false); err == nil || hint.Of(err) == "" {
		t.Errorf("a name that cannot be looked at: %v", err)
	}
	expect(t, dir, before)
}

// What lies behind a link that somebody put in the place of a folder is not ours, and does not keep the rest from
// going; nor does what an interrupted run has removed already.
func TestUninstallOfWhatWasMoved(t *testing.T) {
	above, away := t.TempDir(), t.TempDir()
	dir := filepath.Join(above, "flashhead")
	installPrefix(t, built(t, first), dir)
	lib := filepath.Join(dir, "lib")
	if err := os.Rename(lib, filepath.Join(away, "lib")); err != nil {
		t.Fatal(err)
	}
	moved := laid(t, away)
	lay(t, dir, map[string]string{"lib": "-> " + filepath.Join(away, "lib")})
	if err := os.Remove(filepath.Join(dir, "bin/ollama")); err != nil {
		t.Fatal(err)
	}
	dry, err := UninstallPrefix(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	got := uninstallPrefix(t, dir)
	if !slices.Equal(got.Kept, []string{lib}) || got.Removed == 0 || got.Removed != dry.Removed ||
		!slices.Equal(got.Kept, dry.Kept) {
		t.Errorf("%+v, and before %+v", got, dry)
	}
	expect(t, away, moved)
	expect(t, above, map[string]string{".": "/", "flashhead": "/", "flashhead/lib": "-> " + filepath.Join(away, "lib")})
}

// A file in the place of a folder stays, and the rest goes.
func TestUninstallOfWhatWasReplaced(t *testing.T) {
	dir := t.TempDir()
	installPrefix(t, built(t, first), dir)
	if err := os.RemoveAll(filepath.Join(dir, "lib")); err != nil {
		t.Fatal(err)
	}
	lay(t, dir, map[string]string{"lib": "theirs"})
	if got := uninstallPrefix(t, dir); len(got.Kept) > 0 {
		t.Errorf("kept %q", got.Kept)
	}
	expect(t, dir, map[string]string{".": "/", "lib": "theirs"})
}

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
	w := planned(t, dir, built(t, first))
	w.own.Folders = []string{"..", "."}
	if _, err := w.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	uninstallPrefix(t, dir)
	expect(t, above, map[string]string{".": "/"})
}
