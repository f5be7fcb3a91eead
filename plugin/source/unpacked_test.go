package source

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// unpackedPin returns a new cache with an archive, and a function that fetches it.
func unpackedPin(t *testing.T) (cache string, fetch func() (dir, said string)) {
	t.Helper()
	cache = t.TempDir()
	data, err := os.ReadFile(writeArchive(t, regular("p/llama.cpp/src/a.c"),
		tar.Header{Typeflag: tar.TypeReg, Name: "p/llama.cpp/b.sh", Mode: 0o755}))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	pin := LlamaCppPin{Package: "p", Version: "1", File: "p.tar.gz", SHA256: hex.EncodeToString(sum[:]),
		Subdir: "p/llama.cpp", Commit: "c0ffee"}
	write(t, filepath.Join(cache, "downloads", pin.File), string(data))
	return cache, func() (string, string) {
		t.Helper()
		var said strings.Builder
		var src Folder
		err := step.New(&said).Do("llama.cpp source", func(st *step.Step) (err error) {
			src, err = FetchLlamaCpp(t.Context(), st, pin, cache)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return src.Dir, said.String()
	}
}

// A changed tree in the cache is unpacked again.
func TestUnpackedTreeIsChecked(t *testing.T) {
	cache, fetch := unpackedPin(t)
	dir, said := fetch()
	want := onDisk(t, dir)
	if len(want) != 2 || !strings.Contains(said, "unpacked: not in the cache") {
		t.Fatalf("unpacked %q, said %s", want, said)
	}
	inode := func() os.FileInfo {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := inode()
	if _, said := fetch(); strings.Contains(said, "unpacked") || !os.SameFile(first, inode()) {
		t.Errorf("a sound tree is unpacked again: %s", said)
	}
	for name, damage := range map[string]func() error{
		"a file is changed": func() error {
			return os.WriteFile(filepath.Join(dir, "src/a.c"), []byte("int evil;\n"), 0o644)
		},
		"a file is empty": func() error { return os.Truncate(filepath.Join(dir, "src/a.c"), 0) },
		"a file is gone":  func() error { return os.Remove(filepath.Join(dir, "b.sh")) },
		"a file is added": func() error { return os.WriteFile(filepath.Join(dir, "src/more.c"), nil, 0o644) },
		"nobody knows":    func() error { return os.Remove(sumOf(dir)) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		_, said := fetch()
		if got := onDisk(t, dir); !maps.Equal(got, want) || !strings.Contains(said, "unpacked: files have changed") &&
			name != "nobody knows" {
			t.Errorf("%s: %q, said %s", name, got, said)
		}
	}
	// and without the archive, what cannot be mended is left as it is
	if err := os.Remove(filepath.Join(dir, "b.sh")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cache, "downloads/p.tar.gz"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	err := step.New(t.Output()).Do("llama.cpp source", func(st *step.Step) error {
		_, err := FetchLlamaCpp(t.Context(), st, LlamaCppPin{File: "p.tar.gz",
			SHA256: strings.TrimPrefix(filepath.Base(dir), "llama.cpp-") + strings.Repeat("0", 48), Subdir: "p/llama.cpp"},
			cache)
		return err
	})
	if got := onDisk(t, dir); err == nil || !strings.Contains(err.Error(), "is pinned") || hint.Of(err) == "" ||
		len(got) != 1 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestLeftoversInTheCache(t *testing.T) {
	cache, fetch := unpackedPin(t)
	left := filepath.Join(cache, "src", ".unpack-123")
	write(t, filepath.Join(left, "x/half.c"), "")
	fetch()
	if _, err := os.Stat(left); err == nil {
		t.Error("a half unpacked tree is left")
	}
}
