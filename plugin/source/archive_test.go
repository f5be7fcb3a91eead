package source

import (
	"archive/tar"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	if got := onDisk(t, dir); len(got) != 2 {
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
			if left := onDisk(t, parent); len(left) > 0 {
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
