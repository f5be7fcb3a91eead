package bundle_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/bundle/bundletest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// The same files make the same archive, whatever their times and modes and the other files of the prefix.
func TestPackIsReproducible(t *testing.T) {
	first, second := bundletest.Prefix([]byte("library"), []byte("tool"), []byte("code")),
		bundletest.Prefix([]byte("library"), []byte("tool"), []byte("code"))
	for _, file := range second {
		file.ModTime, file.Mode = time.Now(), 0o600
	}
	second["lib/ollama/llama-server"] = second["lib/flashhead/llama-flashhead"]
	var a, b bytes.Buffer
	if err := bundle.Pack(&a, first); err != nil {
		t.Fatal(err)
	}
	if err := bundle.Pack(&b, second); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the archives differ")
	}
	files, err := bundle.New(a.Bytes()).Files()
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(files, "*")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"LLAMA_CPP_LICENSE", "libflashhead-tool.so", bundle.LibraryName, "llama-flashhead", "plugin.json"}
	if !slices.Equal(names, want) {
		t.Errorf("the archive has %q", names)
	}
}

func TestPackNeedsAllFiles(t *testing.T) {
	for name := range bundletest.Prefix(nil, nil, nil) {
		prefix := bundletest.Prefix(nil, nil, nil)
		delete(prefix, name)
		var archive bytes.Buffer
		if err := bundle.Pack(&archive, prefix); err == nil || !strings.Contains(hint.Of(err), "fh-ollama build --plugin") {
			t.Errorf("without %s: %v, %q", name, err, hint.Of(err))
		}
	}
}

// About names the newest symbols of all files.
func TestAbout(t *testing.T) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a C compiler")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// shared compiles a shared library without the C library.
	shared := func(name, source string, args ...string) (path string, content []byte) {
		path = filepath.Join(dir, name)
		args = append([]string{"-shared", "-fPIC", "-nostdlib", "-o", path, write(name+".c", source)}, args...)
		if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return path, content
	}
	versions := write("versions", "GLIBC_2.9 { f; }; GLIBC_2.34 { g; }; GLIBC_PRIVATE { h; };")
	library, _ := shared("libc.so", "void f(void) {} void g(void) {} void h(void) {}",
		"-Wl,-soname,libx.so,--version-script,"+versions)
	_, older := shared("older.so", "void f(void); void call(void) { f(); }", library)
	_, newer := shared("newer.so", "void f(void), g(void), h(void); void call(void) { f(); g(); h(); }", library)
	for i := range 4 {
		files, needs := [][]byte{older, older, older}, "GLIBC_2.9"
		if i < len(files) {
			files[i], needs = newer, "GLIBC_2.34"
		}
		about, err := bundletest.New(t, files[0], files[1], files[2]).About()
		if err != nil || about.String() != "0.1.0, headers of llama.cpp 0c1e57098, needs "+needs {
			t.Errorf("%s, %v; needs %s", about, err, needs)
		}
	}
	if _, err := bundletest.New(t, []byte("library"), older, older).About(); err == nil {
		t.Error("a library that is none is accepted")
	}
}
