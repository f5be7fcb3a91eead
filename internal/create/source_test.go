package create

import (
	"os"
	"path/filepath"
	"testing"
)

func TestIsFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"model", "qwen3:0.6b", filepath.Join("dir", "sub", "file")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for from, want := range map[string]bool{
		"model": true, "qwen3:0.6b": true, "dir/sub/file": true, "dir/sub": true,
		"none.gguf": true, "None.GGUF": true, "./none": true, "../none": true, "/none": true,
		"dir": false, "none": false, "qwen3:1.7b": false, "hf.co/someone/model-GGUF:Q4_K_M": false, "someone/model": false,
	} {
		if got := IsFile(from); got != want {
			t.Errorf("IsFile(%q) = %v", from, got)
		}
	}
}
