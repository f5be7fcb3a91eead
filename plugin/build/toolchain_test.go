package build

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// fakeTools makes PATH a folder of programs with these names, which are not run.
func fakeTools(t *testing.T, names ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, n := range names {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	t.Setenv("CC", "")
	t.Setenv("CXX", "")
	return dir
}

func TestMissingToolsAreNamedWithTheirPackages(t *testing.T) {
	fakeTools(t)
	_, err := FindToolchain()
	if err == nil || err.Error() != "not found in PATH: go, cmake, ninja, git, cc, c++" {
		t.Errorf("error %v", err)
	}
	want := "install with `apt install golang cmake ninja-build git build-essential` or `brew install go cmake ninja " +
		"git llvm`"
	if got := hint.Of(err); got != want {
		t.Errorf("hint %q, want %q", got, want)
	}
}

func TestFindToolchain(t *testing.T) {
	dir := fakeTools(t, "go", "cmake", "ninja-build", "git", "gcc", "g++", "my-clang++")
	tools, err := FindToolchain()
	if err != nil {
		t.Fatal(err)
	}
	if tools.Ninja != filepath.Join(dir, "ninja-build") || tools.CXX.Path != filepath.Join(dir, "g++") ||
		tools.CXX.Launcher != "" {
		t.Errorf("tools %+v", tools)
	}
	t.Setenv("CXX", "my-clang++")
	if tools, err = FindToolchain(); err != nil || tools.CXX.Path != filepath.Join(dir, "my-clang++") {
		t.Errorf("CXX: %+v, %v", tools, err)
	}
	t.Setenv("CXX", "no-such-compiler")
	if _, err = FindToolchain(); err == nil || err.Error() != "not found in PATH: CXX=no-such-compiler" {
		t.Errorf("a compiler that is not there: %v", err)
	}
}

// The plug-in needs no Go, git or C compiler.
func TestPluginToolchain(t *testing.T) {
	fakeTools(t, "cmake", "c++")
	if _, err := findPluginToolchain(); err == nil || err.Error() != "not found in PATH: ninja" {
		t.Errorf("error %v", err)
	}
	dir := fakeTools(t, "cmake", "ninja", "c++")
	tools, err := findPluginToolchain()
	if err != nil || tools.Ninja != filepath.Join(dir, "ninja") || tools.Git != "" {
		t.Errorf("%+v, %v", tools, err)
	}
}
