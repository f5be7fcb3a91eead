package build

import (
	"os"
	"path/filepath"
	"testing"
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
}
