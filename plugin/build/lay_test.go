package build

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// checkouts is a build that uses small stand-ins for a user's own sources.
func checkouts(t *testing.T) *Builder {
	t.Helper()
	ollama, llama := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{
		filepath.Join(ollama, "llama/server/CMakeLists.txt"): "project(x)\n",
		filepath.Join(ollama, "llama/compat/001-hooks.patch"): strings.ReplaceAll(strings.ReplaceAll(plugintest.AddCallAgain,
			"head_log", "compat"), "src/graph.cpp", "src/llama-model.cpp"),
		filepath.Join(llama, "src/llama-model.cpp"): plugintest.SmallTree["src/graph.cpp"],
		filepath.Join(llama, "build/junk.o"):        "junk",
	} {
		plugintest.Write(t, name, content, 0o644)
	}
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	b := &Builder{Dir: t.TempDir(), Pins: plugintest.Pins(t), Tools: Toolchain{Git: git}, Steps: step.New(t.Output())}
	b.Options = Options{OllamaSource: ollama, LlamaCppSource: llama, Version: "1.2.3"}
	series := b.Pins.Patches.Series
	b.Overlay = tree.Overlay{
		Head: fstest.MapFS{"embed.go": {Data: []byte("package x")}, "cpu/k.cpp": {Data: []byte("int k;")}},
		Patches: fstest.MapFS{
			tree.CureFolder + "/series": {},
			series + "/series":          {Data: []byte("001-call.patch\n")},
			series + "/001-call.patch": {Data: []byte(strings.ReplaceAll(plugintest.AddCall, "src/graph.cpp",
				"src/llama-model.cpp"))},
		},
	}
	return b
}

func (b *Builder) layForTest(t *testing.T) error {
	return b.Steps.Do("lay", func(st *step.Step) error {
		if err := b.FetchOllama(t.Context(), st); err != nil {
			return err
		}
		if err := b.FetchLlamaCpp(t.Context(), st); err != nil {
			return err
		}
		return b.LaySources(t.Context(), st)
	})
}

func TestLaySources(t *testing.T) {
	b := checkouts(t)
	if err := b.layForTest(t); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"flashhead/cpu/k.cpp": "int k;",
		"src/llama-model.cpp": "void build() {\n    cur = mul(w, h);\n    head_rewrite(gf);\n    compat(gf);\n}\n",
	}
	if got := plugintest.OnDisk(t, b.LlamaTree()); !maps.Equal(got, want) {
		t.Errorf("llama.cpp: %q", got)
	}
	if got := plugintest.OnDisk(t, b.Options.LlamaCppSource); len(got) != 2 ||
		got["src/llama-model.cpp"] != plugintest.SmallTree["src/graph.cpp"] {
		t.Errorf("the checkout was changed: %q", got)
	}
	if b.result.Ollama != "0.0.0+flashhead.1.2.3" {
		t.Errorf("version %s", b.result.Ollama)
	}
	if left, _ := filepath.Glob(filepath.Join(b.Dir, "scratch-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLaySourcesKeepsTheTreeWhenAPatchFails(t *testing.T) {
	b := checkouts(t)
	if err := b.layForTest(t); err != nil {
		t.Fatal(err)
	}
	before := plugintest.OnDisk(t, b.LlamaTree())
	series := b.Pins.Patches.Series
	files := b.Overlay.Patches.(fstest.MapFS)
	files[series+"/series"].Data = []byte("001-call.patch\n002-stale.patch\n")
	files[series+"/002-stale.patch"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(plugintest.Stale, "src/graph.cpp",
		"src/llama-model.cpp"))}
	b.Overlay.Head.(fstest.MapFS)["cpu/k.cpp"].Data = []byte("int changed;")
	if err := b.layForTest(t); err == nil || !strings.Contains(err.Error(), "002-stale.patch") ||
		!strings.Contains(hint.Of(err), "--llama-cpp-source") {
		t.Errorf("error %v, hint %q", err, hint.Of(err))
	}
	if got := plugintest.OnDisk(t, b.LlamaTree()); !maps.Equal(got, before) {
		t.Errorf("the tree changed: %q", got)
	}
}

func TestStockBuildHasNoOverlay(t *testing.T) {
	b := checkouts(t)
	b.Options.Stock, b.Overlay = true, tree.Overlay{}
	// Ollama's own patch needs a line that only our patch brings here, so give it one that stands alone.
	hooks := filepath.Join(b.Options.OllamaSource, "llama/compat/001-hooks.patch")
	if err := os.WriteFile(hooks, []byte(strings.ReplaceAll(strings.ReplaceAll(plugintest.AddCall, "head_rewrite",
		"compat"), "src/graph.cpp", "src/llama-model.cpp")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := b.layForTest(t); err != nil {
		t.Fatal(err)
	}
	got := plugintest.OnDisk(t, b.LlamaTree())
	if len(got) != 1 || !strings.Contains(got["src/llama-model.cpp"], "compat(gf)") || b.result.Ollama != "0.0.0" {
		t.Errorf("tree %q, version %s", got, b.result.Ollama)
	}
}

func TestBuildSaysWhichFolderCannotBeWritten(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	b := checkouts(t)
	b.Options.Cache, b.Options.Prefix = filepath.Join(blocked, "cache"), t.TempDir()
	if _, err := Ollama(t.Context(), b.Options, b.Pins, b.Overlay, b.Steps); !strings.Contains(hint.Of(err),
		"FH_OLLAMA_CACHE") {
		t.Errorf("cache: %v, hint %q", err, hint.Of(err))
	}
	b.Options.Cache, b.Options.Prefix = t.TempDir(), filepath.Join(blocked, "dist")
	if _, err := Ollama(t.Context(), b.Options, b.Pins, b.Overlay, b.Steps); !strings.Contains(hint.Of(err), "--prefix") {
		t.Errorf("prefix: %v, hint %q", err, hint.Of(err))
	}
}

func TestOwnSourceMustBeOne(t *testing.T) {
	b := checkouts(t)
	b.Options.LlamaCppSource = t.TempDir()
	if err := b.layForTest(t); err == nil || !strings.Contains(err.Error(), "contains no src/llama-model.cpp") ||
		hint.Of(err) == "" {
		t.Errorf("error %v", err)
	}
}
