package integration

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// A user runs a stock Ollama with a model, installs the patched one beside it, uses both on the same models, and
// uninstalls the patched one. The stock one and its models are then byte for byte what they were.
func TestInstallBeside(t *testing.T) {
	dir := t.TempDir()
	installed := harness.Prefix(filepath.Join(dir, "usr"))
	copyTree(t, stock(t).Bin("ollama"), installed.Bin("ollama"))
	copyTree(t, stock(t).Lib(""), installed.Lib(""))
	models := filepath.Join(dir, "models")
	old, err := harness.Start(timeout(t), installed, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(old.Stop)
	register(t, old, "mine", trainedModel)
	answer := generate(t, old, "mine", prompt, 24).Response
	storeBefore, stockBefore := store(t, models), tree(t, string(installed))

	tool := patched(t).Bin("fh-ollama")
	own := harness.Prefix(filepath.Join(dir, "opt", "flashhead"))
	mustRun(t, dir, false, tool, "install", "--prefix", string(installed)) // an Ollama exists already
	mustRun(t, dir, true, tool, "install", "--prefix", string(own))
	fresh, err := harness.Start(timeout(t), own, filepath.Join(dir, "beside"), "OLLAMA_MODELS="+models)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fresh.Stop)
	if got := generate(t, fresh, "mine", prompt, 24).Response; got != answer {
		t.Errorf("the stock Ollama answers %q, the patched one with the same model %q", answer, got)
	}
	out, err := fresh.Run(timeout(t), own.Bin("fh-ollama"), "create", "mine-flashhead", "--from", "mine", "--plain")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := generate(t, fresh, "mine-flashhead", prompt, 24).Response; got == "" {
		t.Error("the converted model says nothing")
	}
	if !strings.Contains(fresh.Log(), "flash_head: active") {
		t.Errorf("FlashHead is not active:\n%s", end(fresh.Log()))
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
	if _, err := fresh.Run(timeout(t), own.Bin("ollama"), "rm", "mine-flashhead"); err != nil {
		t.Fatal(err)
	}
	fresh.Stop()

	mustRun(t, dir, true, own.Bin("fh-ollama"), "uninstall", "--prefix", string(own))
	if _, err := os.Stat(string(own)); err == nil {
		t.Errorf("uninstall leaves %q", tree(t, string(own)))
	}
	if got := tree(t, string(installed)); !slices.Equal(got, stockBefore) {
		t.Errorf("the stock Ollama has now\n%s\nbefore\n%s", strings.Join(got, "\n"), strings.Join(stockBefore, "\n"))
	}
	if got := store(t, models); !maps.Equal(got, storeBefore) {
		t.Errorf("its models are now %v\nbefore %v", got, storeBefore)
	}
	if got := generate(t, old, "mine", prompt, 24).Response; got != answer {
		t.Errorf("afterwards the stock Ollama answers %q, before %q", got, answer)
	}
}

// `create` does not change an existing model without --force.
func TestCreateNeverTouchesAModel(t *testing.T) {
	h := patched(t)
	o := serve(t, h)
	register(t, o, "mine", trainedModel, modelfile.Parameter{Name: "temperature", Value: "0.3"})
	dir := filepath.Dir(o.LogFile())
	models := filepath.Join(dir, "models")
	before := store(t, models)
	for source, want := range map[string]string{"mine": "mine is the source itself",
		converted(t): "the model mine exists already"} {
		out, err := o.Run(timeout(t), h.Bin("fh-ollama"), "create", "mine", "--from", source)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("create mine --from %s: %v\n%s", source, err, out)
		}
	}
	if got := store(t, models); !maps.Equal(got, before) {
		t.Errorf("the models are now %v\nbefore %v", got, before)
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

// mustRun runs a program with home and temporary files below dir. It must succeed if well is set, else fail.
func mustRun(t *testing.T, dir string, well bool, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(timeout(t), program, args...)
	cmd.Env = harness.Environment(dir)
	if out, err := cmd.CombinedOutput(); (err == nil) != well {
		t.Fatalf("%s %v: %v\n%s", filepath.Base(program), args, err, out)
	}
}
