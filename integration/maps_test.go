package integration

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	benchmark "github.com/fh-ollama/fh-ollama/internal/bench"
	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/modelfile"
	"github.com/fh-ollama/fh-ollama/plugin/doctor"
)

// The flags of the maps and of the conversions that are compared.
var mapFlags = []string{"--no-calibrate", "--iterations", "2"}

// TestMaps turns FlashHead on and off for a model that keeps its name.
func TestMaps(t *testing.T) { onBothHosts(t, mapStory) }

func mapStory(t *testing.T, h host) {
	o := serve(t, h)
	register(t, o, "story", trainedModel)
	whole := filepath.Join(t.TempDir(), "converted.gguf")
	convertFile(t, h, trainedModel, whole, mapFlags...)
	register(t, o, "fast", whole)
	models := filepath.Join(o.Dir(), "models")
	dense, fast := said(t, o, "story"), said(t, o, "fast")
	before, shown := tree(t, models), show(t, o, "story") // Ollama writes notes of its own when it first shows a model
	if reflect.DeepEqual(dense, fast) {
		t.Fatal("FlashHead changes nothing here: the comparison says little")
	}

	// on: the server unloads the model, which then has the converted model's answers to the bit
	generate(t, o, "story", prompt, 1)
	out := mapCommand(t, o, append([]string{"on", "story", "--yes"}, mapFlags...)...)
	if !strings.Contains(out, "\nunloaded   story:latest, ") {
		t.Errorf("on does not say that it unloaded the model:\n%s", out)
	}
	if got := said(t, o, "story"); !reflect.DeepEqual(got, fast) {
		t.Errorf("with its map the model answers %q, the converted one %q", got[0].Response, fast[0].Response)
	}
	if list := mapCommand(t, o, "list"); !lineWith(list, "story:latest", " on ", " yes") {
		t.Errorf("list says\n%s", list)
	}
	folder := filepath.Join(models, mapfile.StoreFolder)
	ours := func(line string) bool { return strings.HasPrefix(line, folder) }
	if after := slices.DeleteFunc(tree(t, models), ours); !slices.Equal(after, before) {
		t.Errorf("on changed the folder of models from\n%q to\n%q", before, after)
	}

	// the other commands of Ollama do not notice, and a copy has the same map
	if again := show(t, o, "story"); !reflect.DeepEqual(again, shown) {
		t.Errorf("ollama show shows\n%+v\nbefore\n%+v", again, shown)
	}
	if _, err := o.Run(timeout(t), o.Prefix.Bin("ollama"), "cp", "story", "copy"); err != nil {
		t.Fatal(err)
	}
	if got := said(t, o, "copy"); !reflect.DeepEqual(got, fast) {
		t.Errorf("a copy answers %q", got[0].Response)
	}
	if out := mapCommand(t, o, "on", "--all", "--dry-run"); !strings.Contains(out,
		"copy:latest, story:latest: is on already\n") {
		t.Errorf("the copy is not known to have the same map:\n%s", out)
	}
	if out := mapCommand(t, o, "eval", "story", "--chunks", "1", "--predict", "0", "--quiet"); !strings.Contains(out,
		"same top") {
		t.Errorf("eval of a model with a map:\n%s", out)
	}

	// off: dense again, and nothing is left
	mapCommand(t, o, "off", "copy")
	if got := said(t, o, "story"); !reflect.DeepEqual(got, dense) {
		t.Errorf("after off the model answers %q, before on %q", got[0].Response, dense[0].Response)
	}
	if _, err := o.Run(timeout(t), o.Prefix.Bin("ollama"), "rm", "copy"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(folder); err != nil {
		t.Error(err)
	}
	if after := tree(t, models); !slices.Equal(after, before) {
		t.Errorf("off left the folder of models as\n%q, before on it was\n%q", after, before)
	}
}

// Ollama starts a model of several files through links in a folder of its own. It has one map, here in another folder,
// because that of the models may be on a disk that cannot be written.
func TestMapOfSplitModel(t *testing.T) { onHosts(t, mapOfSplitModel) }

func mapOfSplitModel(t *testing.T, h host) {
	dir := t.TempDir()
	maps, cache := filepath.Join(dir, "maps"), filepath.Join(dir, "cache")
	o := serve(t, h, mapfile.FolderVariable+"="+maps, "FH_OLLAMA_CACHE="+cache)
	// the first file has no tensors
	parts := split(t, trainedModel, "--split-max-tensors", "20", "--no-tensor-first-split")
	err := modelfile.Register(timeout(t), o.Client, "split", &modelfile.Modelfile{From: parts,
		Template: modelfile.DefaultTemplate}, nil)
	if err != nil {
		t.Fatal(err)
	}
	register(t, o, "story", trainedModel)
	for _, name := range []string{"split", "story"} {
		mapCommand(t, o, append([]string{"on", name, "--yes"}, mapFlags...)...)
	}
	got, want := said(t, o, "split"), said(t, o, "story")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the split model answers %q, the whole one %q", got[0].Response, want[0].Response)
	}
	if n := strings.Count(o.Log(), "flash_head: active"); n != 2 {
		t.Errorf("FlashHead was active in %d loads of 2\n%s", n, end(o.Log()))
	}
	if left, _ := filepath.Glob(filepath.Join(maps, "sha256-*.gguf")); len(left) != 2 {
		t.Errorf("the maps are %q", left)
	}

	if testlevel.IsLong() {
		measureSplitModel(t, o, parts[0])
	}
	if left, _ := os.ReadDir(filepath.Join(cache, "temporary")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// eval, bench and doctor run a model of several files with its map. Files and blobs give the same figures.
func measureSplitModel(t *testing.T, o *harness.Ollama, first string) {
	mapCommand(t, o, append([]string{"on", first, "--yes"}, mapFlags...)...)
	var points []evaluation.Point
	for _, name := range []string{first, "split"} {
		var measured evaluation.Report
		commandJSON(t, o, &measured, "eval", name, "--chunks", "1", "--predict", "0")
		if measured.Model.File != filepath.Base(name) || measured.Points[0].KLD.Mean < 1e-6 {
			t.Errorf("eval %s: %+v", name, measured)
		}
		points = append(points, measured.Points[0])
	}
	if !reflect.DeepEqual(points[0], points[1]) {
		t.Errorf("the files have %+v, the same blobs %+v", points[0], points[1])
	}
	var bench benchmark.Report
	commandJSON(t, o, &bench, "bench", "split", "--tokens", "2", "--rounds", "1", "--threads", "1")
	if r := bench.Results; len(r) != 1 || r[0].Model.Name != "split" || r[0].Points[0].Decode.FlashHead <= 0 {
		t.Errorf("bench: %+v", r)
	}
	var report doctor.Report
	commandJSON(t, o, &report, "doctor", "split")
	if f := report.File; f == nil || !f.Sound || f.Map == "" || f.Runtime == nil || !f.Runtime.Active {
		t.Errorf("doctor: %+v", f)
	}
}

// commandJSON runs a command of fh-ollama against o and reads what it prints into result.
func commandJSON(t *testing.T, o *harness.Ollama, result any, args ...string) {
	t.Helper()
	cmd := o.Command(timeout(t), o.Prefix.Bin("fh-ollama"), append(args, "--json")...)
	if err := readJSON(t, cmd, result); err != nil {
		t.Fatal(err)
	}
}

// mapCommand runs a command of fh-ollama against o and returns what it printed.
func mapCommand(t *testing.T, o *harness.Ollama, args ...string) string {
	t.Helper()
	out, err := fhOllama(t, o, t.TempDir(), args...)
	if err != nil {
		t.Fatalf("fh-ollama %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// said returns what a model says to some prompts, with log-probabilities, and nothing about time.
func said(t *testing.T, o *harness.Ollama, name string) []api.GenerateResponse {
	t.Helper()
	var all []api.GenerateResponse
	for _, text := range []string{prompt, "In the beginning", "The river"} {
		a := generate(t, o, name, text, 48, func(r *api.GenerateRequest) { r.Logprobs, r.TopLogprobs = true, 4 })
		all = append(all, api.GenerateResponse{Response: a.Response, DoneReason: a.DoneReason, Logprobs: a.Logprobs})
	}
	return all
}

// lineWith reports whether a line of text has all parts.
func lineWith(text string, parts ...string) bool {
	for line := range strings.Lines(text) {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			return true
		}
	}
	return false
}
