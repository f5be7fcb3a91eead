package upstream

import (
	"os"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// Only the changed struct of a host is reported.
func TestCompareHost(t *testing.T) {
	trees := plugintest.Trees(t)
	compared, changed, err := compareLibrary(repository().Patches, trees)
	if err != nil {
		t.Fatal(err)
	}
	if compared < 40 || len(changed) > 0 {
		t.Errorf("pinned: %d compared, %v changed", compared, changed)
	}
	llama := copyTree(t, plugintest.Sources(t)["llama.cpp"])
	edit(t, llama, "ggml/include/ggml-backend.h", "bool mmap_support;", "")
	trees["llama.cpp"] = os.DirFS(llama)
	if _, changed, err = compareLibrary(repository().Patches, trees); err != nil {
		t.Fatal(err)
	}
	if len(changed) != 1 || changed[0].State != Changed || !strings.Contains(changed[0].Detail, "mmap_support") {
		t.Errorf("without a member: %v", changed)
	}
}
