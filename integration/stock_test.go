package integration

import (
	"strings"
	"testing"
)

// A converted file runs in the stock build and gives the dense model's answers.
func TestStockRunsConvertedFile(t *testing.T) {
	file := converted(t)
	o := serve(t, stock(t))
	register(t, o, "dense", trainedModel)
	register(t, o, "fast", file)
	texts := prompts(t, 4)
	same(t, "the converted file in the stock build", answers(t, o, "fast", texts), answers(t, o, "dense", texts))
	if strings.Contains(o.Log(), "flash_head:") {
		t.Error("the stock build knows FlashHead")
	}
}

// For dense models the patched build gives the stock build's answers.
func TestPatchedIsStockForDenseModels(t *testing.T) {
	texts := prompts(t, 4)
	var want []string
	t.Run("stock", func(t *testing.T) {
		o := serve(t, stock(t))
		register(t, o, "dense", trainedModel)
		want = answers(t, o, "dense", texts)
	})
	t.Run("patched", func(t *testing.T) {
		o := serve(t, patched(t))
		register(t, o, "dense", trainedModel)
		same(t, "the dense model in the patched build", answers(t, o, "dense", texts), want)
	})
}
