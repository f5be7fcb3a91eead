package integration

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// A build writes only to its prefix and the cache, not to the home, working or temporary folders.
func TestBuildWritesNothingElse(t *testing.T) {
	testlevel.Long(t)
	h := patched(t)
	dir := t.TempDir()
	for _, name := range []string{"home", "tmp", "work"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cache := os.Getenv("FH_OLLAMA_CACHE") // it has the finished build
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(user, "fh-ollama")
	}
	cmd := exec.CommandContext(timeout(t), h.Bin("fh-ollama"), "build", "--plugin", "--prefix",
		filepath.Join(dir, "prefix"))
	cmd.Dir = filepath.Join(dir, "work")
	// ccache would make a folder in this home
	cmd.Env = append(harness.Environment(dir), "FH_OLLAMA_CACHE="+cache, "CCACHE_DISABLE=1")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	made := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		top, rest, _ := strings.Cut(filepath.ToSlash(name), "/")
		if top == "prefix" {
			made++
		} else if rest != "" {
			t.Errorf("it wrote %s", name)
		}
		return err
	})
	if err != nil || made < 4 {
		t.Errorf("in the prefix are %d files and folders: %v", made, err)
	}
}
