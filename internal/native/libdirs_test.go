package native

import (
	"os"
	"path/filepath"
	"testing"
)

// A prefix with both builds has the tool of the patched one first.
func TestLibDirs(t *testing.T) {
	own := t.TempDir()
	for _, dir := range []string{"flashhead", "ollama"} {
		want := filepath.Join(own, "lib", dir, toolName)
		if err := os.MkdirAll(filepath.Dir(want), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(want, nil, 0o755); err != nil {
			t.Fatal(err)
		}
		if got, err := FindTool(libDirs(own)); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if dirs := libDirs(""); len(dirs) > 0 {
		t.Errorf("of no prefix: %q", dirs)
	}
}
