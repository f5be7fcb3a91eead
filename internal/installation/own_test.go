package installation

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestOwn(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dist/bin/fh-ollama", "build/fh-ollama"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755),
			os.WriteFile(filepath.Join(dir, name), nil, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "home/bin"), 0o755),
		os.Symlink(filepath.Join(dir, "dist/bin/fh-ollama"), filepath.Join(dir, "home/bin/fh-ollama"))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"dist/bin/fh-ollama": filepath.Join(dir, "dist"),
		"home/bin/fh-ollama": filepath.Join(dir, "dist"),
		"build/fh-ollama":    "",
	} {
		if got := prefixOf(filepath.Join(dir, path)); got != want {
			t.Errorf("%s is of %q, not %q", path, got, want)
		}
	}
	t.Chdir(dir)
	if got := prefixOf(filepath.Join("dist", "bin", "fh-ollama")); got != "" {
		t.Errorf("below the working directory it is of %q", got)
	}
	if program, err := os.Executable(); err != nil || filepath.Base(filepath.Dir(program)) != "bin" && OwnPrefix() != "" {
		t.Errorf("this test is of %q, %v", OwnPrefix(), err)
	}
}
