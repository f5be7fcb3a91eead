package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/modelfile"
	"github.com/fh-ollama/fh-ollama/plugin/source"
)

// create runs `fh-ollama create` against o and returns what it printed.
func create(t *testing.T, o *harness.Ollama, args ...string) (string, error) {
	t.Helper()
	return o.Run(timeout(t), o.Prefix.Bin("fh-ollama"), append([]string{"create"}, args...)...)
}

func show(t *testing.T, o *harness.Ollama, name string) *api.ShowResponse {
	t.Helper()
	answer, err := o.Client.Show(timeout(t), &api.ShowRequest{Model: name})
	if err != nil {
		t.Fatalf("show %s: %v", name, err)
	}
	return answer
}

// hasMap reports whether the model's file has a cluster map.
func hasMap(t *testing.T, o *harness.Ollama, name string) bool {
	_, ok := show(t, o, name).ModelInfo[flashhead.KeyVersion]
	return ok
}

// The converted model differs from its source, a model of the running Ollama, only by FlashHead.
func TestCreateFromModel(t *testing.T) { onHosts(t, createFromModel) }

func createFromModel(t *testing.T, h host) {
	o := serve(t, h)
	source := &modelfile.Modelfile{
		From:     []string{trainedModel},
		Template: "{{ if .System }}{{ .System }}\n{{ end }}\"{{ .Prompt }}\"\n",
		System:   "You are \"brief\",\nand kind.",
		Parameters: []modelfile.Parameter{
			{Name: "num_ctx", Value: "256"}, {Name: "num_predict", Value: "8"}, {Name: "stop", Value: "<|im_end|>"},
			{Name: "stop", Value: "\n\n"}, {Name: "temperature", Value: "0.5"},
		},
		Messages: []modelfile.Message{{Role: "user", Content: "hello"}, {Role: "assistant", Content: "hello\nyou"}},
		License:  []string{"first licence", "second \"licence\"\nof two lines"},
	}
	if err := modelfile.Register(timeout(t), o.Client, "story:small", source, nil); err != nil {
		t.Fatal(err)
	}
	before := show(t, o, "story:small")

	if out, err := create(t, o, "--from", "story:small", "--iterations", "1", "--plain"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	after := show(t, o, "story:small-flashhead")
	got, want := modelfile.FromShow(after), modelfile.FromShow(before)
	if got.From[0] == want.From[0] {
		t.Error("both models have the same weights")
	}
	got.From = want.From
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !hasMap(t, o, "story:small-flashhead") || hasMap(t, o, "story:small") {
		t.Error("the cluster map is not where it belongs")
	}
	if unchanged := show(t, o, "story:small"); unchanged.Modelfile != before.Modelfile ||
		!unchanged.ModifiedAt.Equal(before.ModifiedAt) {
		t.Error("the source was changed")
	}

	// An existing model is not replaced, and the source never.
	if _, err := create(t, o, "--from", "story:small", "--iterations", "1", "--plain"); err == nil ||
		!strings.Contains(err.Error(), "exists already") {
		t.Errorf("creating it twice: %v", err)
	}
	if _, err := create(t, o, "story:small", "--from", "story:small", "--force"); err == nil ||
		!strings.Contains(err.Error(), "never changed") {
		t.Errorf("creating it over the source: %v", err)
	}
	if out, err := create(t, o, "--from", "story:small", "--iterations", "1", "--plain", "--force"); err != nil {
		t.Errorf("creating it again with --force: %v\n%s", err, out)
	}
}

// A file is converted, or registered unchanged if it is converted already. --keep keeps it, with a Modelfile that names
// it.
func TestCreateFromFile(t *testing.T) {
	o := serve(t, patched(t))
	kept, copied := filepath.Join(t.TempDir(), "kept.gguf"), filepath.Join(t.TempDir(), "copied.gguf")
	if out, err := create(t, o, "--from", trainedModel, "--keep", kept, "--iterations", "1", "--plain"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !hasMap(t, o, "fh-demo-12m-q8_0:flashhead") {
		t.Error("the model has no cluster map")
	}
	for _, name := range []string{"first", "second"} { // both files exist for the second
		if out, err := create(t, o, name, "--from", kept, "--keep", copied); err != nil ||
			!strings.Contains(out, "registered as it is") || digest(t, copied) != digest(t, kept) {
			t.Errorf("creating from a converted file: %v\n%s", err, out)
		}
	}
	if has, err := o.Client.HeadBlob(timeout(t), "sha256:"+digest(t, kept)); err != nil || !has {
		t.Errorf("the converted file is not what was registered: %v, %v", has, err)
	}
	cmd := o.Command(timeout(t), o.Prefix.Bin("ollama"), "create", "by-modelfile", "-f", "copied.gguf.Modelfile")
	cmd.Dir = filepath.Dir(copied)
	if out, err := cmd.CombinedOutput(); err != nil || !hasMap(t, o, "by-modelfile") {
		t.Errorf("ollama create with the Modelfile: %v\n%s", err, out)
	}
	if left, _ := filepath.Glob(filepath.Join(o.Dir(), "home", ".cache", "fh-ollama", "temporary", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func digest(t *testing.T, path string) string {
	t.Helper()
	hash, err := source.SHA256(path)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// If the cache's disk is full, the hint names it, and no files stay.
func TestCreateWithoutSpace(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs ulimit")
	}
	o := serve(t, patched(t))
	cache := t.TempDir()
	const blocks = 8192 // of 512 bytes to 1 KiB: less than the model takes
	script := fmt.Sprintf(`ulimit -f %d; exec "$0" create full --from %q --iterations 1 --plain`, blocks, trainedModel)
	cmd := o.Command(timeout(t), "sh", "-c", script, o.Prefix.Bin("fh-ollama"))
	cmd.Env = append(cmd.Env, "FH_OLLAMA_CACHE="+cache)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out),
		"point FH_OLLAMA_CACHE at a folder on a disk with room, or give --keep FILE") {
		t.Errorf("error %v; the hint does not name the cache:\n%s", err, out)
	}
	left, err := os.ReadDir(filepath.Join(cache, "temporary"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if exists, err := modelfile.Exists(timeout(t), o.Client, "full"); err != nil || exists {
		t.Errorf("a model was registered: %v, %v", exists, err)
	}
}
