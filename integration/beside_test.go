package integration

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

// A user runs a stock Ollama with a model, installs the patched one beside it, uses both on the same models, and
// uninstalls the patched one. The stock one and its models are then byte for byte what they were.
func TestInstallBeside(t *testing.T) {
	m := newMachine(t)
	models := filepath.Join(m.dir, "models")
	old := serveIn(t, host{Prefix: m.installed}, m.dir)
	register(t, old, "mine", trainedModel)
	answer := generate(t, old, "mine", prompt, 24).Response
	storeBefore, stockBefore := store(t, models), tree(t, string(m.installed))

	tool := patched(t).Bin("fh-ollama")
	own := harness.Prefix(filepath.Join(m.dir, "opt", "flashhead"))
	if out, err := m.try(t, tool, "install", "--prefix", string(m.installed)); err == nil {
		t.Fatalf("installed where an Ollama exists already:\n%s", out)
	}
	m.command(t, tool, "install", "--prefix", string(own))
	fresh := serveIn(t, host{Prefix: own}, filepath.Join(m.dir, "beside"), "OLLAMA_MODELS="+models, ownLogits)
	if got := generate(t, fresh, "mine", prompt, 24).Response; got != answer {
		t.Errorf("the stock Ollama answers %q, the patched one with the same model %q", answer, got)
	}
	if out, err := create(t, fresh, "mine-flashhead", "--from", "mine", "--iterations", "1", "--plain"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := generate(t, fresh, "mine-flashhead", prompt, 24).Response; got == "" || activeLine(fresh.Log()) == "" {
		t.Errorf("FlashHead is not active, and says %q:\n%s", got, end(fresh.Log()))
	}
	// Converting adds to the store and changes nothing in it.
	storeNow := store(t, models)
	for name, content := range storeBefore {
		if storeNow[name] != content {
			t.Errorf("create changed %s", name)
		}
	}
	// The stock one has both, the converted one dense.
	for _, model := range []string{"mine", "mine-flashhead"} {
		if got := generate(t, old, model, prompt, 24).Response; got != answer {
			t.Errorf("beside the other, the stock Ollama answers %q with %s, before %q", got, model, answer)
		}
	}
	remove(t, fresh, "mine-flashhead")
	fresh.Stop()

	m.command(t, own.Bin("fh-ollama"), "uninstall", "--prefix", string(own))
	if _, err := os.Stat(string(own)); err == nil {
		t.Errorf("uninstall leaves %q", tree(t, string(own)))
	}
	if got := tree(t, string(m.installed)); !slices.Equal(got, stockBefore) {
		t.Errorf("the stock Ollama has now\n%s\nbefore\n%s", strings.Join(got, "\n"), strings.Join(stockBefore, "\n"))
	}
	if got := store(t, models); !maps.Equal(got, storeBefore) {
		t.Errorf("its models are now %v\nbefore %v", got, storeBefore)
	}
	if got := generate(t, old, "mine", prompt, 24).Response; got != answer {
		t.Errorf("afterwards the stock Ollama answers %q, before %q", got, answer)
	}
}

// store returns the content of every manifest and layer of Ollama's models, by name. Ollama may change times and keep
// other files beside them.
func store(t *testing.T, models string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, dir := range []string{"blobs", "manifests"} {
		err := filepath.WalkDir(filepath.Join(models, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files[path] = digest(t, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}
