package prefix

import (
	"os"
	"path/filepath"
	"testing"
)

// A program belongs to the prefix whose bin it lies in, also where a link names it; elsewhere to none.
func TestOwn(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	lay(t, dir, map[string]string{"dist/bin/fh-ollama": "", "build/fh-ollama": "", "home/bin/fh-ollama": "-> ../../dist/bin/fh-ollama"})
	for path, want := range map[string]string{
		"dist/bin/fh-ollama": filepath.Join(dir, "dist"),
		"home/bin/fh-ollama": filepath.Join(dir, "dist"),
		"build/fh-ollama":    "",
	} {
		if got := of(filepath.Join(dir, path)); got != want {
			t.Errorf("%s is of %q, not %q", path, got, want)
		}
	}
	t.Chdir(dir)
	if got := of(filepath.Join("dist", "bin", "fh-ollama")); got != "" {
		t.Errorf("below the working directory it is of %q", got)
	}
	if program, err := os.Executable(); err != nil || filepath.Base(filepath.Dir(program)) != "bin" && Own() != "" {
		t.Errorf("this test is of %q, %v", Own(), err)
	}
}
