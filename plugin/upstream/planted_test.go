package upstream

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

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
	if err := os.WriteFile(name, []byte(strings.Replace(string(source), old, new, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Three changes are planted: one that only relies.toml covers, a lost hunk, and a function's signature, which the
// compiler finds. The check reports these and nothing else.
func TestUpstreamFindsPlantedChanges(t *testing.T) {
	testlevel.Long(t)
	if testing.Short() {
		t.Skip("configures and compiles; not with -short")
	}
	pinned := plugintest.Sources(t)
	llama := copyTree(t, pinned["llama.cpp"])
	edit(t, llama, "src/llama-sampler.cpp", "if (npartial <= 128) {", "if (npartial <= 64) {")
	edit(t, llama, "common/speculative.cpp", "    result.cache_type_k  = params_spec.cache_type_k;\n",
		"    result.cache_type_k  = params.speculative.draft.cache_type_k;\n")
	edit(t, llama, "ggml/src/ggml-cpu/ggml-cpu-impl.h", "void ggml_barrier(struct ggml_threadpool * tp);",
		"void ggml_barrier(struct ggml_threadpool * tp, int phase);")

	c := upstreamFor(t, Options{LlamaCppSource: llama, OllamaSource: pinned["ollama"]})
	c.Dir = filepath.Join(c.Builder.Options.Cache, "scratch")
	err := c.Steps.DoAll(t.Context(), []step.Named{
		{Name: "tools", Do: c.FindTools},
		{Name: "versions", Do: c.resolve},
		{Name: "ollama source", Do: c.FetchOllama},
		{Name: "llama.cpp source", Do: c.FetchLlamaCpp},
		{Name: "series", Do: c.chooseSeries},
		{Name: "reliance", Do: c.checkReliance},
		{Name: "patches", Do: func(ctx context.Context, st *step.Step) error {
			if err := os.MkdirAll(c.Dir, 0o755); err != nil {
				return err
			}
			return c.tryPatches(ctx, st)
		}},
		{Name: "configure", Do: c.tryConfigure},
		{Name: "compile", Do: c.tryCompile},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	details := map[string]string{}
	for _, row := range c.report.Failures() {
		name := strings.Join([]string{row.Part, row.State, row.Where}, "|")
		got = append(got, name)
		details[name] = row.Detail
	}
	want := []string{
		"relied on by 002|changed|llama.cpp/ggml/src/ggml-cpu/ggml-cpu-impl.h",
		"relied on by 005|changed|llama.cpp/src/llama-sampler.cpp",
		"relied on by 006|changed|llama.cpp/common/speculative.cpp",
		"patch 006-draft-role.patch|does not apply|llama.cpp/common/speculative.cpp",
		"compile|fails|llama.cpp/flashhead/ggml/cpu/flash-head-cpu.cpp",
		"compile|fails|llama.cpp/ggml/src/ggml-cpu/ggml-cpu.c",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %q", got)
	}
	if d := details[want[4]]; !strings.Contains(d, "too few arguments") {
		t.Errorf("the compiler said %q", d)
	}
	if len(c.report.Rows) < 200 {
		t.Errorf("only %d rows", len(c.report.Rows))
	}
	left, err := os.ReadFile(filepath.Join(c.LlamaTree(), "common", "speculative.cpp.006-draft-role.patch.rej"))
	if err != nil || !strings.Contains(string(left), "common_flash_head_mark_draft") ||
		strings.Contains(string(left), "mark_target") {
		t.Errorf("kept %q, %v", left, err)
	}
}
