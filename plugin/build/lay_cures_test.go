package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// cureCheckouts is a build of a user's sources with one cure, which turns mul into mul_safe.
func cureCheckouts(t *testing.T) *Builder {
	b := checkouts(t)
	files := b.Overlay.Patches.(fstest.MapFS)
	files[tree.CureFolder+"/series"] = &fstest.MapFile{Data: []byte("001-mul.patch\n")}
	files[tree.CureFolder+"/001-mul.patch"] = &fstest.MapFile{Data: []byte(`--- a/src/other.cpp
+++ b/src/other.cpp
@@ -1 +1 @@
-int mul;
+int mul_safe;
`)}
	return b
}

func TestCuresOfOwnSources(t *testing.T) {
	for name, c := range map[string]struct {
		source, want, note string
		stock              bool
	}{
		"needed":          {source: "int mul;\n", want: "int mul_safe;\n"},
		"needed by stock": {source: "int mul;\n", want: "int mul_safe;\n", stock: true},
		"is in already":   {source: "int mul_safe;\n", want: "int mul_safe;\n", note: "cure 001-mul is in already"},
		"mended by other": {source: "int product;\n", want: "int product;\n", note: "cure 001-mul does not fit"},
	} {
		t.Run(name, func(t *testing.T) {
			b := cureCheckouts(t)
			var said strings.Builder
			b.Steps = step.New(&said)
			if b.Options.Stock = c.stock; c.stock { // Ollama's patch there goes on top of ours
				if err := os.Remove(filepath.Join(b.Options.OllamaSource, "llama/compat/001-hooks.patch")); err != nil {
					t.Fatal(err)
				}
			}
			plugintest.Write(t, filepath.Join(b.Options.LlamaCppSource, "src/other.cpp"), c.source, 0o644)
			if err := b.layForTest(t); err != nil {
				t.Fatal(err)
			}
			if got := plugintest.OnDisk(t, b.LlamaTree())["src/other.cpp"]; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if c.note == "" && strings.Contains(said.String(), "cure") || !strings.Contains(said.String(), c.note) {
				t.Errorf("said %q", said.String())
			}
		})
	}
}

// The pinned sources must take every cure.
func TestCureThatPinnedSourcesDoNotTake(t *testing.T) {
	b := cureCheckouts(t)
	if err := b.layForTest(t); err != nil { // finds the sources
		t.Fatal(err)
	}
	plugintest.Write(t, filepath.Join(b.LlamaCpp.Dir, "src/other.cpp"), "int product;\n", 0o644)
	b.Options.LlamaCppSource, b.Options.OllamaSource = "", ""
	err := step.New(t.Output()).Do("lay", func(st *step.Step) error { return b.LaySources(t.Context(), st) })
	if err == nil || !strings.Contains(err.Error(), "001-mul.patch does not apply") ||
		!strings.Contains(hint.Of(err), "report") {
		t.Errorf("error %v, hint %q", err, hint.Of(err))
	}
}
