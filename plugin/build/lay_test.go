package build

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/source/sourcetest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// checkouts is a build that uses small stand-ins for a user's own sources, with one cure and one patch of Ollama's.
func checkouts(t *testing.T) *Builder {
	t.Helper()
	ollama, llama := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{
		filepath.Join(ollama, "llama/server/CMakeLists.txt"): "project(x)\n",
		filepath.Join(ollama, "llama/compat/001-hooks.patch"): `--- a/src/llama-model.cpp
+++ b/src/llama-model.cpp
@@ -1 +1,2 @@
+#include "compat.h"
 void build() {
`,
		filepath.Join(llama, "src/llama-model.cpp"): plugintest.SmallTree["src/llama-model.cpp"],
		filepath.Join(llama, "src/other.cpp"):       "int mul;\n",
		filepath.Join(llama, "build/junk.o"):        "junk",
	} {
		plugintest.Write(t, name, content, 0o644)
	}
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	b := &Builder{Dir: t.TempDir(), Pins: sourcetest.Pins(t), Tools: Toolchain{Git: git}, Steps: step.New(t.Output())}
	b.Options = Options{OllamaSource: ollama, LlamaCppSource: llama, Version: "1.2.3"}
	series := b.Pins.Patches.Series
	b.Overlay = tree.Overlay{
		Head: fstest.MapFS{"embed.go": {Data: []byte("package x")}, "cpu/k.cpp": {Data: []byte("int k;")}},
		Patches: fstest.MapFS{
			tree.CureFolder + "/series": {Data: []byte("001-mul.patch\n")},
			tree.CureFolder + "/001-mul.patch": {Data: []byte(`--- a/src/other.cpp
+++ b/src/other.cpp
@@ -1 +1 @@
-int mul;
+int mul_safe;
`)},
			series + "/series":         {Data: []byte("001-call.patch\n")},
			series + "/001-call.patch": {Data: []byte(plugintest.AddCall)},
		},
	}
	return b
}

func (b *Builder) layForTest(t *testing.T) error {
	return b.Steps.DoAll(t.Context(), []step.Named{{Name: "ollama source", Do: b.FetchOllama},
		{Name: "llama.cpp source", Do: b.FetchLlamaCpp}, {Name: "lay", Do: b.LaySources}})
}

func TestLaySources(t *testing.T) {
	b := checkouts(t)
	checkout := plugintest.OnDisk(t, b.Options.LlamaCppSource)
	const patched = "#include \"compat.h\"\nvoid build() {\n    cur = mul(w, h);\n"
	for _, stock := range []bool{false, true} {
		want := map[string]string{"src/other.cpp": "int mul_safe;\n", "flashhead/cpu/k.cpp": "int k;",
			"src/llama-model.cpp": patched + "    head_rewrite(gf);\n}\n"}
		version := "0.0.0+flashhead.1.2.3"
		if b.Options.Stock = stock; stock {
			delete(want, "flashhead/cpu/k.cpp")
			want["src/llama-model.cpp"], version = patched+"}\n", "0.0.0"
		}
		if err := b.layForTest(t); err != nil {
			t.Fatal(err)
		}
		if got := plugintest.OnDisk(t, b.LlamaTree()); !maps.Equal(got, want) || b.result.Ollama != version {
			t.Errorf("%s: %q", b.result.Ollama, got)
		}
		if left, _ := filepath.Glob(filepath.Join(b.Dir, "scratch-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if got := plugintest.OnDisk(t, b.Options.LlamaCppSource); !maps.Equal(got, checkout) {
		t.Errorf("the checkout was changed: %q", got)
	}
}

// The pinned sources must take every patch and cure; with a user's own, a cure that does not fit is left out.
func TestLaySourcesKeepsTheTreeWhenAPatchFails(t *testing.T) {
	b := checkouts(t)
	if err := b.layForTest(t); err != nil {
		t.Fatal(err)
	}
	before := plugintest.OnDisk(t, b.LlamaTree())
	refused := func(name, way string) {
		t.Helper()
		err := b.Steps.Do("lay", func(st *step.Step) error { return b.LaySources(t.Context(), st) })
		if err == nil || !strings.Contains(err.Error(), name+" does not apply: ") ||
			strings.Contains(err.Error(), "\n") || !strings.Contains(hint.Of(err), way) {
			t.Errorf("error %v, hint %q", err, hint.Of(err))
		}
		if got := plugintest.OnDisk(t, b.LlamaTree()); !maps.Equal(got, before) {
			t.Errorf("the tree changed: %q", got)
		}
	}
	series := b.Pins.Patches.Series
	files := b.Overlay.Patches.(fstest.MapFS)
	files[series+"/series"].Data = []byte("001-call.patch\n002-stale.patch\n")
	files[series+"/002-stale.patch"] = &fstest.MapFile{Data: []byte(plugintest.Stale)}
	b.Overlay.Head.(fstest.MapFS)["cpu/k.cpp"].Data = []byte("int changed;")
	refused("002-stale.patch", "--llama-cpp-source")
	plugintest.Write(t, filepath.Join(b.LlamaCpp.Dir, "src/other.cpp"), "int product;\n", 0o644)
	b.Options.LlamaCppSource, b.Options.OllamaSource = "", ""
	refused("001-mul.patch", "report")
}

// A user's sources may have a cure or Ollama's patches already.
func TestCuresOfOwnSources(t *testing.T) {
	for source, want := range map[string]struct{ source, note string }{
		"int mul;\n":      {"int mul_safe;\n", ""},
		"int mul_safe;\n": {"int mul_safe;\n", "cure 001-mul is in already"},
		"int product;\n":  {"int product;\n", "cure 001-mul does not fit"},
	} {
		b := checkouts(t)
		var said strings.Builder
		b.Steps, b.Options.Stock = step.New(&said), true // our patch is for sources without Ollama's
		plugintest.Write(t, filepath.Join(b.Options.LlamaCppSource, "src/other.cpp"), source, 0o644)
		plugintest.Write(t, filepath.Join(b.Options.LlamaCppSource, "src/llama-model.cpp"),
			"#include \"compat.h\"\n"+plugintest.SmallTree["src/llama-model.cpp"], 0o644)
		if err := b.layForTest(t); err != nil {
			t.Fatal(err)
		}
		got := plugintest.OnDisk(t, b.LlamaTree())
		if got["src/other.cpp"] != want.source || strings.Count(got["src/llama-model.cpp"], "compat.h") != 1 {
			t.Errorf("%q, want %q", got, want.source)
		}
		if want.note == "" && strings.Contains(said.String(), "cure") || !strings.Contains(said.String(), want.note) {
			t.Errorf("said %q", said.String())
		}
	}
}

func TestBuildSaysWhichFolderCannotBeWritten(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	plugintest.Write(t, blocked, "", 0o644)
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

// A cache that others can write to is refused.
func TestCacheOfAnother(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are those of Unix")
	}
	dir := filepath.Join(t.TempDir(), "cache")
	if err := makeCache(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := makeCache(dir); err == nil || !strings.Contains(hint.Of(err), "FH_OLLAMA_CACHE") {
		t.Errorf("all may write it: %v", err)
	}
	if os.Getuid() != 0 {
		return
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(dir, 12345, 12345)); err != nil {
		t.Fatal(err)
	}
	if err := makeCache(dir); err == nil || !strings.Contains(hint.Of(err), "FH_OLLAMA_CACHE") {
		t.Errorf("another user owns it: %v", err)
	}
}
