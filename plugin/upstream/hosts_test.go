package upstream

import (
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// A struct of a host that lacks a member is told, and it alone.
func TestCompareHost(t *testing.T) {
	pinned := plugintest.Sources(t)
	llama := pinned["llama.cpp"]
	compared, changed, err := compareHost(repository(), pinned["ollama"], llama)
	if err != nil {
		t.Fatal(err)
	}
	if compared < 40 || len(changed) > 0 {
		t.Errorf("pinned: %d compared, %v changed", compared, changed)
	}
	llama = copyTree(t, llama)
	edit(t, llama, "ggml/include/ggml-backend.h", "bool mmap_support;", "")
	if _, changed, err = compareHost(repository(), pinned["ollama"], llama); err != nil {
		t.Fatal(err)
	}
	if len(changed) != 1 || changed[0].State != Changed || !strings.Contains(changed[0].Detail, "mmap_support") {
		t.Errorf("without a member: %v", changed)
	}
}
