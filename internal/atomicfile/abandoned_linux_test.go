package atomicfile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

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
