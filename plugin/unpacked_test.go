package plugin

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unpackedPin is a pin whose archive lies in a new cache, and how to fetch it: the tree's folder, and what the step says.
func unpackedPin(t *testing.T) (cache string, fetch func() (dir, said string)) {
	t.Helper()
	cache = t.TempDir()
	data, err := os.ReadFile(writeArchive(t, regular("p/llama.cpp/src/a.c"), tar.Header{Typeflag: tar.TypeReg, Name: "p/llama.cpp/b.sh", Mode: 0o755}))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	pin := LlamaCppPin{Package: "p", Version: "1", File: "p.tar.gz", SHA256: hex.EncodeToString(sum[:]), Subdir: "p/llama.cpp", Commit: "c0ffee"}
	if err := replace(filepath.Join(cache, "downloads", pin.File), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return cache, func() (string, string) {
		t.Helper()
		var said strings.Builder
		var src source
		err := NewSteps(&said).Do("llama.cpp source", func(st *Step) (err error) {
			src, err = fetchLlamaCpp(t.Context(), st, pin, cache)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return src.dir, said.String()
	}
}

// A tree in the cache that is not as it was unpacked is unpacked again.
func TestUnpackedTreeIsChecked(t *testing.T) {
	cache, fetch := unpackedPin(t)
	dir, said := fetch()
	want := onDisk(t, dir)
	if len(want) != 2 || !strings.Contains(said, "unpacked: it was not there") {
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
		"a file is changed": func() error { return os.WriteFile(filepath.Join(dir, "src/a.c"), []byte("int evil;\n"), 0o644) },
		"a file is empty":   func() error { return os.Truncate(filepath.Join(dir, "src/a.c"), 0) },
		"a file is gone":    func() error { return os.Remove(filepath.Join(dir, "b.sh")) },
		"a file is added":   func() error { return os.WriteFile(filepath.Join(dir, "src/more.c"), nil, 0o644) },
		"nobody knows":      func() error { return os.Remove(sumOf(dir)) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		_, said := fetch()
		if got := onDisk(t, dir); !mapsEqual(got, want) || !strings.Contains(said, "unpacked: files were changed") && name != "nobody knows" {
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
	err := NewSteps(t.Output()).Do("llama.cpp source", func(st *Step) error {
		_, err := fetchLlamaCpp(t.Context(), st, LlamaCppPin{File: "p.tar.gz", SHA256: strings.TrimPrefix(filepath.Base(dir), "llama.cpp-") + strings.Repeat("0", 48), Subdir: "p/llama.cpp"}, cache)
		return err
	})
	if got := onDisk(t, dir); err == nil || len(got) != 1 {
		t.Errorf("%q, %v", got, err)
	}
}

// What a killed run left in the cache goes with the next.
func TestLeftoversInTheCache(t *testing.T) {
	cache, fetch := unpackedPin(t)
	fetch()
	left := filepath.Join(cache, "src", ".unpack-123")
	b := &build{dir: filepath.Join(cache, "build", "stock-1")}
	scratch := filepath.Join(b.dir, "scratch-456")
	for _, dir := range []string{left, scratch} {
		if err := replace(filepath.Join(dir, "x/half.c"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fetch()
	if _, err := os.Stat(left); err == nil {
		t.Error("a half unpacked tree is left")
	}
	unlock, err := b.lock()
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	assembled := testBuild(t)
	half := filepath.Join(assembled.opts.Prefix, "lib/ollama/llama-server.partial-789")
	foreign := filepath.Join(assembled.opts.Prefix, "lib/ollama/other.partial-789")
	for _, path := range []string{half, foreign} {
		if err := replace(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	assembleOnce(t, assembled)
	if _, err := os.Stat(half); err == nil {
		t.Error("half a program is left")
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error("what no build made is gone")
	}
	if _, err := os.Stat(scratch); err == nil {
		t.Error("a scratch folder is left")
	}
}
