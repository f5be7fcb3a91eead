package maps

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/mapfile"
)

// Maps are unused if no store that is known has their blob. Other files are never taken for unused maps.
func TestUnused(t *testing.T) {
	dir := resolved(t.TempDir())
	write := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	blob := func(digit string) string { return "sha256-" + strings.Repeat(digit, 64) }
	write("a/blobs/" + blob("1"))
	write("b/blobs/" + blob("2"))
	used := Weights{Paths: []string{filepath.Join(dir, "a/blobs", blob("1"))}}
	link := filepath.Join(dir, "link") // another name of a store
	if err := os.Symlink("b", link); err != nil {
		t.Fatal(err)
	}
	stores := Stores([]Weights{used, {Paths: []string{"file.gguf"}, file: true}, {State: Excluded}},
		[]string{filepath.Join(dir, "b"), link, filepath.Join(dir, "none")})
	if want := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}; !slices.Equal(stores, want) {
		t.Fatalf("stores are %q, want %q", stores, want)
	}

	write("a/flashhead/" + blob("1") + ".gguf")
	gone := write("a/flashhead/" + blob("2") + ".gguf") // of the other store
	for _, name := range []string{"notes", blob("3"), blob("3") + ".gguf.old", "model.flashhead.gguf"} {
		write("a/flashhead/" + name)
	}
	write("maps/" + blob("1") + ".gguf")
	write("maps/" + blob("2") + ".gguf")
	nowhere := write("maps/" + blob("3") + ".gguf")
	write("maps/model.flashhead.gguf")
	check := func(stores []string, want ...string) {
		t.Helper()
		if got := Unused(stores); !slices.Equal(got, want) {
			t.Errorf("unused are %q, want %q", got, want)
		}
	}
	t.Setenv(mapfile.FolderVariable, "")
	check(stores, gone)
	t.Setenv(mapfile.FolderVariable, filepath.Join(dir, "maps"))
	check(stores, gone, nowhere)
	check(nil)
}
