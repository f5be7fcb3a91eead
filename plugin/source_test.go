package plugin

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

func committedPins(t *testing.T) Pins {
	t.Helper()
	pins, err := ParsePins(thirdparty.Pins)
	if err != nil {
		t.Fatal(err)
	}
	return pins
}

// fetchTestOllama fetches the module, which lies in Go's cache because this repository imports a part of it.
func fetchTestOllama(t *testing.T, pin OllamaPin) (src source, err error) {
	goTool, ok := toolGo.find()
	if !ok {
		t.Fatal("no go")
	}
	dir := t.TempDir()
	err = NewSteps(t.Output()).Do("fetch", func(st *Step) error {
		src, err = fetchOllama(t.Context(), st, goTool, pin, dir, filepath.Join(dir, "log"))
		return err
	})
	return src, err
}

func TestFetchOllama(t *testing.T) {
	src, err := fetchTestOllama(t, committedPins(t).Ollama)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(src.dir, "llama", "server", "CMakeLists.txt")); err != nil || src.version != "0.34.2" {
		t.Errorf("%+v: %v", src, err)
	}
}

func TestFetchOllamaRefusesAnotherSum(t *testing.T) {
	pin := committedPins(t).Ollama
	pin.Sum = "h1:" + strings.Repeat("A", 43) + "="
	if _, err := fetchTestOllama(t, pin); err == nil || !strings.Contains(err.Error(), "is pinned") {
		t.Errorf("error %v", err)
	}
}

func TestFetchOllamaOfflineSaysWhatToDo(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	pin := committedPins(t).Ollama
	pin.Version = "v0.0.1"
	_, err := fetchTestOllama(t, pin)
	if err == nil || !strings.Contains(hint.Of(err), "--ollama-source") {
		t.Errorf("error %v, hint %q", err, hint.Of(err))
	}
}

func TestFetchLlamaCppChecksTheArchiveInTheCache(t *testing.T) {
	cache := t.TempDir()
	pin := committedPins(t).LlamaCpp
	archive := filepath.Join(cache, "downloads", pin.File)
	if err := replace(archive, []byte("tampered"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := NewSteps(t.Output()).Do("fetch", func(st *Step) error {
		_, err := fetchLlamaCpp(t.Context(), st, pin, cache)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), pin.SHA256) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(cache, "src")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was unpacked: %v", err)
	}
}

// The download takes a minute and the network, so it is tried only when asked for.
func TestDownloadLlamaCpp(t *testing.T) {
	if os.Getenv("FH_OLLAMA_TEST_DOWNLOAD") == "" {
		t.Skip("set FH_OLLAMA_TEST_DOWNLOAD=1 to download llama.cpp")
	}
	cache := t.TempDir()
	err := NewSteps(t.Output()).Do("fetch", func(st *Step) error {
		src, err := fetchLlamaCpp(t.Context(), st, committedPins(t).LlamaCpp, cache)
		if err == nil {
			_, err = os.Stat(filepath.Join(src.dir, "src", "llama-model.cpp"))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// checkouts are small stand-ins for a user's own sources, and a build that uses them.
func checkouts(t *testing.T) *build {
	t.Helper()
	ollama, llama := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{
		filepath.Join(ollama, "llama/server/CMakeLists.txt"):  "project(x)\n",
		filepath.Join(ollama, "llama/compat/001-hooks.patch"): strings.ReplaceAll(strings.ReplaceAll(addCallAgain, "head_log", "compat"), "src/graph.cpp", "src/llama-model.cpp"),
		filepath.Join(llama, "src/llama-model.cpp"):           smallTree["src/graph.cpp"],
		filepath.Join(llama, "build/junk.o"):                  "junk",
	} {
		if err := replace(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	b := &build{dir: t.TempDir(), pins: committedPins(t), tools: Toolchain{Git: git}, steps: NewSteps(t.Output())}
	b.opts = Options{OllamaSource: ollama, LlamaCppSource: llama, Version: "1.2.3"}
	series := b.pins.Patches.Series
	b.overlay = Overlay{
		Head: fstest.MapFS{"embed.go": {Data: []byte("package x")}, "cpu/k.cpp": {Data: []byte("int k;")}},
		Patches: fstest.MapFS{
			cureFolder + "/series":     {},
			series + "/series":         {Data: []byte("001-call.patch\n")},
			series + "/001-call.patch": {Data: []byte(strings.ReplaceAll(addCall, "src/graph.cpp", "src/llama-model.cpp"))},
		},
	}
	return b
}

func (b *build) layForTest(t *testing.T) error {
	return b.steps.Do("lay", func(st *Step) error {
		if err := b.fetchOllama(t.Context(), st); err != nil {
			return err
		}
		if err := b.fetchLlamaCpp(t.Context(), st); err != nil {
			return err
		}
		return b.laySources(t.Context(), st)
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
	if got := onDisk(t, b.llamaTree()); !mapsEqual(got, want) {
		t.Errorf("llama.cpp: %q", got)
	}
	if got := onDisk(t, b.opts.LlamaCppSource); len(got) != 2 || got["src/llama-model.cpp"] != smallTree["src/graph.cpp"] {
		t.Errorf("the checkout was changed: %q", got)
	}
	if b.result.Ollama != "0.0.0+flashhead.1.2.3" {
		t.Errorf("version %s", b.result.Ollama)
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, "scratch-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLaySourcesKeepsTheTreeWhenAPatchFails(t *testing.T) {
	b := checkouts(t)
	if err := b.layForTest(t); err != nil {
		t.Fatal(err)
	}
	before := onDisk(t, b.llamaTree())
	series := b.pins.Patches.Series
	files := b.overlay.Patches.(fstest.MapFS)
	files[series+"/series"].Data = []byte("001-call.patch\n002-stale.patch\n")
	files[series+"/002-stale.patch"] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(stale, "src/graph.cpp", "src/llama-model.cpp"))}
	b.overlay.Head.(fstest.MapFS)["cpu/k.cpp"].Data = []byte("int changed;")
	if err := b.layForTest(t); err == nil || !strings.Contains(err.Error(), "002-stale.patch") || !strings.Contains(hint.Of(err), "--llama-cpp-source") {
		t.Errorf("error %v, hint %q", err, hint.Of(err))
	}
	if got := onDisk(t, b.llamaTree()); !mapsEqual(got, before) {
		t.Errorf("the tree changed: %q", got)
	}
}

func TestStockBuildHasNoOverlay(t *testing.T) {
	b := checkouts(t)
	b.opts.Stock, b.overlay = true, Overlay{}
	// Ollama's own patch needs a line that only our patch brings here, so give it one that stands alone.
	hooks := filepath.Join(b.opts.OllamaSource, "llama/compat/001-hooks.patch")
	if err := os.WriteFile(hooks, []byte(strings.ReplaceAll(strings.ReplaceAll(addCall, "head_rewrite", "compat"), "src/graph.cpp", "src/llama-model.cpp")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := b.layForTest(t); err != nil {
		t.Fatal(err)
	}
	got := onDisk(t, b.llamaTree())
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
	b.opts.Cache, b.opts.Prefix = filepath.Join(blocked, "cache"), t.TempDir()
	if _, err := Build(t.Context(), b.opts, b.pins, b.overlay, b.steps); !strings.Contains(hint.Of(err), "FH_OLLAMA_CACHE") {
		t.Errorf("cache: %v, hint %q", err, hint.Of(err))
	}
	b.opts.Cache, b.opts.Prefix = t.TempDir(), filepath.Join(blocked, "dist")
	if _, err := Build(t.Context(), b.opts, b.pins, b.overlay, b.steps); !strings.Contains(hint.Of(err), "--prefix") {
		t.Errorf("prefix: %v, hint %q", err, hint.Of(err))
	}
}

func TestOwnSourceMustBeOne(t *testing.T) {
	b := checkouts(t)
	b.opts.LlamaCppSource = t.TempDir()
	if err := b.layForTest(t); err == nil || !strings.Contains(err.Error(), "holds no src/llama-model.cpp") || hint.Of(err) == "" {
		t.Errorf("error %v", err)
	}
}
