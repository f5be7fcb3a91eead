package build

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// A cache that others can write to is refused.
func TestCacheOfAnother(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are those of Unix")
	}
	dir := filepath.Join(t.TempDir(), "cache")
	if err := makeCache(dir); err != nil {
		t.Fatal(err)
	}
	spoil := map[string]func() error{"all may write it": func() error { return os.Chmod(dir, 0o777) }}
	if os.Getuid() == 0 {
		spoil["another user owns it"] = func() error { return os.Chown(dir, 12345, 12345) }
	}
	for name, do := range spoil {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if err := makeCache(dir); err == nil || !strings.Contains(hint.Of(err), "FH_OLLAMA_CACHE") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
