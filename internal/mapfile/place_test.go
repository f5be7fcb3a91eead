package mapfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/mapfile"
)

var blob = "sha256-" + strings.Repeat("0a", 32)

func TestBlob(t *testing.T) {
	if digest, ok := mapfile.Blob(filepath.Join("models", "blobs", blob)); !ok || "sha256-"+digest != blob {
		t.Errorf("%q, %v", digest, ok)
	}
	for _, name := range []string{"sha256-0a", "model.gguf", "sha256-" + strings.Repeat("0A", 32), blob + "-partial"} {
		if digest, ok := mapfile.Blob(name); ok {
			t.Errorf("%s is taken for the blob %s", name, digest)
		}
	}
}

func TestPath(t *testing.T) {
	t.Setenv(mapfile.FolderVariable, "")
	for _, c := range []struct{ model, want string }{
		{"/m/blobs/" + blob, "/m/flashhead/" + blob + ".gguf"},
		{"/m/qwen.gguf", "/m/qwen.flashhead.gguf"},
		{"/m/qwen", "/m/qwen.flashhead.gguf"},
	} {
		if got := mapfile.Path(c.model); got != c.want {
			t.Errorf("the map of %s is written to %s, want %s", c.model, got, c.want)
		}
	}
	t.Setenv(mapfile.FolderVariable, "/maps")
	if got := mapfile.Path("/m/blobs/" + blob); got != "/maps/"+blob+".gguf" {
		t.Errorf("with a folder of its own the map is written to %s", got)
	}
}

// The first of the places that has anything counts, even if it is of no use.
func TestFindInOrder(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// models/blobs is a link to another disk, and there model.gguf is a link to a blob
	write("disk/blobs/" + blob)
	if err := os.MkdirAll(filepath.Join(dir, "models"), 0o755); err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(dir, "models/model.gguf")
	for link, target := range map[string]string{
		filepath.Join(dir, "models/blobs"): filepath.Join(dir, "disk/blobs"),
		model:                              filepath.Join(dir, "models/blobs", blob),
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	find := func(model, want string) {
		t.Helper()
		if got, ok := mapfile.Find(model); got != want || ok != (want != "") {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	t.Setenv(mapfile.FolderVariable, "")
	find(model, "")
	resolved := write("disk/flashhead/" + blob + ".gguf")
	find(model, resolved)
	find(filepath.Join(dir, "models/blobs", blob), resolved)
	find(filepath.Join(dir, "models/blobs", blob), resolved)
	byName := write("models/flashhead/" + blob + ".gguf") // by the path as given, not as the link leads
	find(filepath.Join(dir, "models/blobs", blob), byName)
	beside := write("models/model.flashhead.gguf")
	find(model, beside)

	t.Setenv(mapfile.FolderVariable, filepath.Join(dir, "maps"))
	find(model, beside)
	second := write("maps/" + blob + ".gguf")
	find(model, second)
	first := write("maps/model.flashhead.gguf")
	find(model, first)
}
