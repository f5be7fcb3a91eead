package upstream

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/source/sourcetest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// repository is the overlay of this repository.
func repository() tree.Overlay {
	return tree.Overlay{Head: os.DirFS("../../ggmlhead"), Patches: os.DirFS("../../patches")}
}

// relies.toml holds in the pinned sources.
func TestReliance(t *testing.T) {
	trees := sourcetest.Trees(t)
	relied, err := readReliances(repository().Patches)
	if err != nil {
		t.Fatal(err)
	}
	found, err := compare(trees, relied)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Errorf("%s: %s: %s: %s", f.For, f.File, f.What, f.Detail)
	}
	if compared, _, err := compareLibrary(repository().Patches, trees); err != nil || compared < 40 {
		t.Errorf("%d compared for the plug-in, %v", compared, err)
	}
}

// Every patch has an entry in relies.toml.
func TestEveryPatchSaysWhatItReliesOn(t *testing.T) {
	items, err := readReliances(repository().Patches)
	if err != nil {
		t.Fatal(err)
	}
	series, err := tree.ReadSeries(repository().Patches, sourcetest.Pins(t).Patches.Series)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, item := range items {
		rows[item.For]++
	}
	for _, patch := range series {
		number, _, _ := strings.Cut(patch.Name, "-")
		if rows[number] == 0 {
			t.Errorf("patches/relies.toml has nothing of %s", patch.Name)
		}
	}
}

// copyTree copies sources to a folder that a test may change.
func copyTree(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func edit(t *testing.T, dir, name, old, new string) {
	t.Helper()
	name = filepath.Join(dir, filepath.FromSlash(name))
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), old) {
		t.Fatalf("%s: %q is not there to be changed", name, old)
	}
	plugintest.Write(t, name, strings.Replace(string(source), old, new, 1), 0o644)
}

// Two changes are planted: one that only relies.toml covers, and a lost hunk. The check reports these and nothing else.
func TestUpstreamFindsPlantedChanges(t *testing.T) {
	pinned := sourcetest.Sources(t)
	llama := copyTree(t, pinned["llama.cpp"])
	edit(t, llama, "src/llama-sampler.cpp", "if (npartial <= 128) {", "if (npartial <= 64) {")
	edit(t, llama, "common/speculative.cpp", "    result.cache_type_k  = params_spec.cache_type_k;\n",
		"    result.cache_type_k  = params.speculative.draft.cache_type_k;\n")
	report, err := Check(t.Context(), Options{LlamaCppSource: llama, OllamaSource: pinned["ollama"], Cache: t.TempDir()},
		sourcetest.Pins(t), repository(), step.New(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	report.Print(&out)
	for _, want := range []string{
		"relied on by 005: llama.cpp/src/llama-sampler.cpp: top-k of at most 128 is this sort\n      line ",
		"relied on by 006: llama.cpp/common/speculative.cpp: ",
		"patch: 006-draft-role.patch\n      patch failed: common/speculative.cpp:",
		report.Dir,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if len(report.Problems) != 3 {
		t.Errorf("%d problems", len(report.Problems))
	}
	left, err := os.ReadFile(filepath.Join(report.Dir, "common", "speculative.cpp.006-draft-role.patch.rej"))
	if err != nil || !strings.Contains(string(left), "common_flash_head_mark_draft") ||
		strings.Contains(string(left), "mark_target") {
		t.Errorf("kept %q, %v", left, err)
	}
}
