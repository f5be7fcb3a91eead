package origin

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
		"model": true, "qwen3:0.6b": true, "dir/sub/file": true, "./dir": true, "dir/sub": false,
		"none.gguf": true, "None.GGUF": true, "./none": true, "../none": true, "/none": true,
		"dir/none.gguf": true, ".": true, "..": true, "a b:c.gguf": true,
		"dir": false, "none": false, "qwen3:1.7b": false, "someone/model": false, "localhost:5000/someone/model:tag": false,
		"hf.co/someone/model-GGUF": false, "hf.co/someone/model-GGUF:Q4_K_M": false,
		"hf.co/someone/model-GGUF:model-Q4_K_M.gguf": false,
		"hf.co/someone/model.gguf":                   false, "huggingface.co/someone/model.gguf": false,
		"https://hf.co/someone/model.gguf":      false,
		"registry.ollama.ai/library/qwen3:1.7b": false,
	} {
		if got := IsFile(from); got != want {
			t.Errorf("IsFile(%q) = %v", from, got)
		}
	}
}
