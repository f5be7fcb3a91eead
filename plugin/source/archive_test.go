package source

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// writeArchive writes a .tar.gz. The content of a regular file is its name.
func writeArchive(t *testing.T, entries ...tar.Header) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a.tar.gz")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip := gzip.NewWriter(f)
	w := tar.NewWriter(zip)
	for _, e := range entries {
		if e.Mode == 0 {
			e.Mode = 0o644
		}
		if e.Typeflag == tar.TypeReg {
			e.Size = int64(len(e.Name))
		}
		if err := w.WriteHeader(&e); err != nil {
			t.Fatal(err)
		}
		if e.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(e.Name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

func regular(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }

func TestUnpackTakesOnlyTheSubdir(t *testing.T) {
	archive := writeArchive(t,
		regular("pkg-1/setup.py"),
		tar.Header{Typeflag: tar.TypeDir, Name: "pkg-1/vendor/llama.cpp/", Mode: 0o755},
		regular("pkg-1/vendor/llama.cpp/.git"),
		regular("pkg-1/vendor/llama.cpp/.gitignore"),
		tar.Header{Typeflag: tar.TypeReg, Name: "pkg-1/vendor/llama.cpp/ci/run.sh", Mode: 0o755},
		regular("pkg-1/vendor/llama.cpp-old/x.c"),
		tar.Header{Typeflag: tar.TypeSymlink, Name: "pkg-1/link", Linkname: "/etc/passwd"}, // not ours to judge
	)
	dir := filepath.Join(t.TempDir(), "deep", "tree")
	if err := unpack(t.Context(), archive, "pkg-1/vendor/llama.cpp", dir); err != nil {
		t.Fatal(err)
	}
	if got := plugintest.OnDisk(t, dir); len(got) != 2 {
		t.Errorf("unpacked %q", got)
	}
	for name, mode := range map[string]fs.FileMode{".gitignore": 0o644, "ci/run.sh": 0o755} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestUnpackRefusesWhatLeavesTheFolder(t *testing.T) {
	good := regular("s/a.c")
	for name, bad := range map[string]tar.Header{
		"parent":        regular("s/../../evil"),
		"parent inside": regular("s/x/../../../evil"),
		"absolute":      regular("s//evil"),
		"symlink":       {Typeflag: tar.TypeSymlink, Name: "s/link", Linkname: "/etc"},
		"hard link":     {Typeflag: tar.TypeLink, Name: "s/link", Linkname: "s/a.c"},
		"device":        {Typeflag: tar.TypeChar, Name: "s/dev"},
		"fifo":          {Typeflag: tar.TypeFifo, Name: "s/pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "out", "tree")
			if err := unpack(t.Context(), writeArchive(t, good, bad), "s", dir); err == nil {
				t.Fatal("no error")
			}
			if left := plugintest.OnDisk(t, parent); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

func TestUnpackOfDamagedOrForeignArchive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	archive := writeArchive(t, regular("s/a.c"), regular("s/b.c"))
	if err := unpack(t.Context(), archive, "other", dir); err == nil || !strings.Contains(err.Error(), "holds no other") {
		t.Errorf("foreign archive: %v", err)
	}
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(archive, data[:len(data)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unpack(t.Context(), archive, "s", dir); err == nil {
		t.Error("a truncated archive was unpacked")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a tree appeared")
	}
}

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
	plugintest.Write(t, filepath.Join(cache, "downloads", pin.File), string(data), 0o644)
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
	want := plugintest.OnDisk(t, dir)
	if len(want) != 2 || !strings.Contains(said, "unpacked: not in the cache") {
		t.Fatalf("unpacked %q, said %s", want, said)
	}
	if _, said := fetch(); strings.Contains(said, "unpacked") {
		t.Errorf("a sound tree is unpacked again: %s", said)
	}
	for name, damage := range map[string]func() error{
		"a file is changed": func() error {
			return os.WriteFile(filepath.Join(dir, "src/a.c"), []byte("int evil;\n"), 0o644)
		},
		"a file is gone":  func() error { return os.Remove(filepath.Join(dir, "b.sh")) },
		"a file is added": func() error { return os.WriteFile(filepath.Join(dir, "src/more.c"), nil, 0o644) },
		"nobody knows":    func() error { return os.Remove(sumOf(dir)) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		_, said := fetch()
		if got := plugintest.OnDisk(t, dir); !maps.Equal(got, want) ||
			!strings.Contains(said, "unpacked: files have changed") && name != "nobody knows" {
			t.Errorf("%s: %q, said %s", name, got, said)
		}
	}
	// and without the archive, what cannot be mended is left as it is
	if err := os.Remove(filepath.Join(dir, "b.sh")); err != nil {
		t.Fatal(err)
	}
	plugintest.Write(t, filepath.Join(cache, "downloads/p.tar.gz"), "", 0o644)
	err := step.New(t.Output()).Do("llama.cpp source", func(st *step.Step) error {
		_, err := FetchLlamaCpp(t.Context(), st, LlamaCppPin{File: "p.tar.gz",
			SHA256: strings.TrimPrefix(filepath.Base(dir), "llama.cpp-") + strings.Repeat("0", 48), Subdir: "p/llama.cpp"},
			cache)
		return err
	})
	if got := plugintest.OnDisk(t, dir); err == nil || !strings.Contains(err.Error(), "is pinned") || hint.Of(err) == "" ||
		len(got) != 1 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestLeftoversInTheCache(t *testing.T) {
	cache, fetch := unpackedPin(t)
	left := filepath.Join(cache, "src", ".unpack-123")
	plugintest.Write(t, filepath.Join(left, "x/half.c"), "", 0o644)
	fetch()
	if _, err := os.Stat(left); err == nil {
		t.Error("a half unpacked tree is left")
	}
}
