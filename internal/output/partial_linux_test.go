package output

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What a killed writer left is removed by the next one; what another writes, and what only looks alike, stays.
func TestAbandoned(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "out.gguf")
	for _, name := range []string{
		".out.gguf.partial-ABCDEFGH", ".out.gguf.partial-ABCDEFG", ".out.gguf.partial-abcdefgh", ".other.gguf.partial-ABCDEFGH", "out.gguf.partial-ABCDEFGH",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".out.gguf.partial-AAAAAAAA"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(final, filepath.Join(dir, ".out.gguf.partial-BBBBBBBB")); err != nil {
		t.Fatal(err)
	}
	first, err := Create(final, "-o", 0)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Create(final, "-o", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.WriteString("first"); err != nil {
		t.Fatal(err)
	}
	if err := first.Finish(); err != nil {
		t.Fatal(err)
	}
	third, err := Create(final, "-o", 0) // the first is closed now, but has not its name yet
	if err != nil {
		t.Fatal(err)
	}
	third.Discard()
	if err := first.Publish(); err != nil {
		t.Error(err)
	}
	second.Discard()

	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	want := []string{
		".other.gguf.partial-ABCDEFGH", ".out.gguf.partial-AAAAAAAA", ".out.gguf.partial-ABCDEFG", ".out.gguf.partial-BBBBBBBB", ".out.gguf.partial-abcdefgh",
		"out.gguf", "out.gguf.partial-ABCDEFGH",
	}
	if !slices.Equal(got, want) {
		t.Errorf("in the folder are %q, not %q", got, want)
	}
	if text, err := os.ReadFile(final); string(text) != "first" {
		t.Errorf("the output is %q: %v", text, err)
	}
}

// A folder of a process that was killed is removed by the next one; one in use stays, and one of another kind.
func TestAbandonedFolders(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	for _, name := range []string{"fh-ollama-model-1", "fh-ollama-other-1"} {
		if err := os.MkdirAll(filepath.Join(tmp, name, "in"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	first, err := NewFolder("model")
	if err != nil {
		t.Fatal(err)
	}
	second, err := NewFolder("model")
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Remove(); err != nil {
		t.Error(err)
	}
	entries, _ := os.ReadDir(tmp)
	if len(entries) != 2 || entries[1].Name() != "fh-ollama-other-1" || filepath.Join(tmp, entries[0].Name()) != first.Path {
		t.Errorf("left are %v, and %s is in use", entries, first.Path)
	}
	if err := first.Remove(); err != nil {
		t.Error(err)
	}
}
