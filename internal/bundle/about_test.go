package bundle_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/bundle/bundletest"
)

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
		about, err := bundletest.New(files[0], files[1], files[2]).About()
		if err != nil || about.String() != "0.1.0, headers of llama.cpp 0c1e57098, needs "+needs {
			t.Errorf("%s, %v; needs %s", about, err, needs)
		}
	}
	if _, err := bundletest.New([]byte("library"), older, older).About(); err == nil {
		t.Error("a library that is none is accepted")
	}
}
