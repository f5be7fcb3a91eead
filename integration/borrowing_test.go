package integration

import (
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// borrowing writes a tiny draft model without embedding and head (EAGLE-3), which uses those of its target, and returns
// its path. It is untrained, so nearly all of its proposals are wrong.
func borrowing(t *testing.T, dir string) string {
	t.Helper()
	const width = tinyWidth
	w := newTinyWeights(11)
	w.matrix("fc.weight", gguftest.TypeF32, 0.1, 3*width, width) // hidden states of three layers
	w.norm("output_norm.weight", width)
	w.norm("blk.0.attn_norm.weight", width)
	w.norm("blk.0.attn_norm_2.weight", width)
	w.matrix("blk.0.attn_q.weight", gguftest.TypeF32, 0.2, 2*width, tinyHeads*tinyHeadDim)
	w.matrix("blk.0.attn_k.weight", gguftest.TypeF32, 0.2, 2*width, tinyKVHeads*tinyHeadDim)
	w.matrix("blk.0.attn_v.weight", gguftest.TypeF32, 0.2, 2*width, tinyKVHeads*tinyHeadDim)
	w.matrix("blk.0.attn_output.weight", gguftest.TypeF32, 0.2, tinyHeads*tinyHeadDim, width)
	w.norm("blk.0.ffn_norm.weight", width)
	w.matrix("blk.0.ffn_gate.weight", gguftest.TypeF32, 0.2, width, tinyFFN)
	w.matrix("blk.0.ffn_up.weight", gguftest.TypeF32, 0.2, width, tinyFFN)
	w.matrix("blk.0.ffn_down.weight", gguftest.TypeF32, 0.2, tinyFFN, width)
	keys := []gguftest.KV{
		gguftest.V("general.architecture", "eagle3"),
		gguftest.V("eagle3.context_length", uint32(512)),
		gguftest.V("eagle3.embedding_length", uint32(width)),
		gguftest.V("eagle3.block_count", uint32(1)),
		gguftest.V("eagle3.feed_forward_length", uint32(tinyFFN)),
		gguftest.V("eagle3.attention.head_count", uint32(tinyHeads)),
		gguftest.V("eagle3.attention.head_count_kv", uint32(tinyKVHeads)),
		gguftest.V("eagle3.attention.key_length", uint32(tinyHeadDim)),
		gguftest.V("eagle3.attention.value_length", uint32(tinyHeadDim)),
		gguftest.V("eagle3.attention.layer_norm_rms_epsilon", float32(1e-6)),
		gguftest.V("eagle3.rope.dimension_count", uint32(tinyHeadDim)),
		gguftest.V("eagle3.rope.freq_base", float32(10000)),
		gguftest.V("eagle3.target_layers", gguftest.A([]uint32{0, 1, tinyLayers})),
		gguftest.V("eagle3.target_hidden_size", uint32(width)),
	}
	return w.write(t, filepath.Join(dir, "borrowing.gguf"), append(keys, tokenizer(tinyVocab)...))
}

// A draft that borrows its target's head gets FlashHead from it. In scope draft FlashHead serves only the draft.
func TestDraftThatBorrowsTheHead(t *testing.T) {
	testlevel.Long(t)
	dir := t.TempDir()
	target, fast := tiny{name: "target", arch: "llama", headType: gguftest.TypeQ8_0, untied: true}.write(t,
		dir), filepath.Join(dir, "converted.gguf")
	convertFile(t, patched(t), target, fast)
	args := []string{"--spec-type", "draft-eagle3", "--spec-draft-model", borrowing(t, dir), "--model"}
	ask := []any{[]int{0, 500, 1000, 2000, 44}, []int{0, 17, 1200}}
	want := draft(t, stock(t), ask, append(args, target))
	if want.drafted == 0 {
		t.Fatalf("nothing is drafted:\n%s", end(want.log))
	}

	got := draft(t, patched(t), ask, append(args, fast), "FLASHHEAD_SCOPE=draft", fewProbes)
	sameTokens(t, "scope draft", got.tokens, want.tokens)
	got.onlyDrafts(t)
	got.says(t, onlyDraft, noKeys)

	got = draft(t, patched(t), ask, append(args, fast), "FLASHHEAD_SCOPE=target", fewProbes)
	if s := lastDraftStatistics(got.log); s.steps != 0 || lastStatistics(got.log).steps == 0 {
		t.Errorf("scope target: statistics of drafts %+v, of the target %+v", s, lastStatistics(got.log))
	}
}
