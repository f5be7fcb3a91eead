package installation

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A prefix with both builds has the tool of the patched one first.
func TestLibDirs(t *testing.T) {
	own := t.TempDir()
	for _, dir := range []string{"flashhead", "ollama"} {
		want := filepath.Join(own, "lib", dir, ToolName)
		if err := os.MkdirAll(filepath.Dir(want), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(want, nil, 0o755); err != nil {
			t.Fatal(err)
		}
		tools := slices.DeleteFunc(libDirs(own), func(dir string) bool { return Tool(dir) == "" })
		if len(tools) == 0 || Tool(tools[0]) != want {
			t.Errorf("%q, want the tool %q first", tools, want)
		}
	}
	if dirs := libDirs(""); len(dirs) > 0 {
		t.Errorf("of no prefix: %q", dirs)
	}
}
