package installation

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOwn(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o755)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program, other, prefix := write("dist/bin/fh-ollama"), write("build/fh-ollama"), filepath.Join(dir, "dist")
	link := filepath.Join(dir, "link")
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for path, want := range map[string]string{program: prefix, link: prefix, other: "", "dist/bin/fh-ollama": ""} {
		if got := prefixOf(path); got != want {
			t.Errorf("%s is of %q, not %q", path, got, want)
		}
	}

	// a prefix with both builds has the tool of the patched one first
	for _, folder := range []string{"flashhead", "ollama"} {
		want := write(filepath.Join("dist/lib", folder, ToolName))
		tools := slices.DeleteFunc(libDirs(prefix), func(dir string) bool { return Tool(dir) == "" })
		if len(tools) == 0 || Tool(tools[0]) != want {
			t.Errorf("%q, want the tool %q first", tools, want)
		}
	}
	if dirs := libDirs(""); len(dirs) > 0 {
		t.Errorf("of no prefix: %q", dirs)
	}
}
