package integration

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// Shape of the tiny models with drafts.
const (
	tinyVocab   = 4096
	tinyWidth   = 64 // of a hidden state
	tinyHeads   = 4
	tinyKVHeads = 2
	tinyHeadDim = 16
	tinyFFN     = 128
	tinyLayers  = 2
)

// tinyKeys returns the keys of an architecture's tiny model.
func tinyKeys(arch string, width, blocks uint32) []gguftest.KV {
	keys := []gguftest.KV{gguftest.V("general.architecture", arch)}
	for name, value := range map[string]any{
		"context_length":                   uint32(512),
		"embedding_length":                 width,
		"block_count":                      blocks,
		"feed_forward_length":              uint32(tinyFFN),
		"attention.head_count":             uint32(tinyHeads),
		"attention.head_count_kv":          uint32(tinyKVHeads),
		"attention.key_length":             uint32(tinyHeadDim),
		"attention.value_length":           uint32(tinyHeadDim),
		"attention.layer_norm_rms_epsilon": float32(1e-6),
		"rope.dimension_count":             uint32(tinyHeadDim),
		"rope.freq_base":                   float32(10000),
	} {
		keys = append(keys, gguftest.V(arch+"."+name, value))
	}
	return keys
}

// predicting describes a tiny model of an architecture that can also predict the token after the next: one more block
// (MTP) takes the next token and the model's hidden state, and its output goes through the model's own head.
//
// The model's next token depends mostly on the last one, and the block passes that token's embedding on unchanged, so
// most predictions are right.
type predicting struct {
	withTrunk bool // the model's own blocks are in the file
	withBlock bool // so is the block that predicts
	ownHead   bool // the block has an output weight of its own
}

// write writes the model's file and returns its path. Models share the values of common weights.
func (m predicting) write(t *testing.T) string {
	t.Helper()
	const (
		arch  = "mimo2"
		width = tinyWidth
		qkv   = (tinyHeads + 2*tinyKVHeads) * tinyHeadDim
	)
	w := newTinyWeights(7)
	w.matrix("token_embd.weight", 1, width, tinyVocab)
	w.norm("output_norm.weight", width)
	w.matrix("output.weight", 0.1, width, tinyVocab)
	for l := range tinyLayers + 1 {
		block := newTinyWeights(9 + uint64(l))
		name := func(tensor string) string { return fmt.Sprintf("blk.%d.%s.weight", l, tensor) }
		out := 0.005 // what a block adds to the hidden state
		if l == tinyLayers {
			out = 0
		}
		block.norm(name("attn_norm"), width)
		block.matrix(name("attn_qkv"), 2.0/8, width, qkv)
		block.matrix(name("attn_output"), out, tinyHeads*tinyHeadDim, width)
		block.norm(name("ffn_norm"), width)
		block.matrix(name("ffn_gate"), 2.0/8, width, tinyFFN)
		block.matrix(name("ffn_up"), 2.0/8, width, tinyFFN)
		block.matrix(name("ffn_down"), out, tinyFFN, width)
		if l == tinyLayers {
			block.norm(name("nextn.enorm"), width)
			block.norm(name("nextn.hnorm"), width)
			first := make([]float32, 2*width*width) // passes on the first of its two inputs, the embedding
			for i := range width {
				first[i*2*width+i] = 1
			}
			block.add(name("nextn.eh_proj"), first, 2*width, width)
			if m.ownHead {
				block.matrix(name("nextn.shared_head_head"), 0.1, width, tinyVocab)
			}
		}
		if l < tinyLayers && m.withTrunk || l == tinyLayers && m.withBlock {
			w.tensors = append(w.tensors, block.tensors...)
		}
	}
	keys := append(tinyKeys(arch, width, tinyLayers+1),
		gguftest.V(arch+".nextn_predict_layers", uint32(1)),
		gguftest.V(arch+".expert_feed_forward_length", uint32(tinyFFN)),
		gguftest.V(arch+".attention.sliding_window", uint32(64)),
		gguftest.V(arch+".attention.sliding_window_pattern", gguftest.A([]uint32{0, 1, 0})),
		gguftest.V(arch+".vocab_size", uint32(tinyVocab)))
	return w.write(t, filepath.Join(t.TempDir(), "predicting.gguf"), append(keys, tokenizer(tinyVocab)...))
}

// borrowing writes a tiny draft model without embedding and head (EAGLE-3), which uses those of the trained model, and
// returns its path. It is untrained, so nearly all of its proposals are wrong.
func borrowing(t *testing.T) string {
	t.Helper()
	const width, layers = 256, 4 // of the trained model
	w := newTinyWeights(11)
	w.matrix("fc.weight", 0.1, 3*width, width) // hidden states of three layers
	w.norm("output_norm.weight", width)
	w.norm("blk.0.attn_norm.weight", width)
	w.norm("blk.0.attn_norm_2.weight", width)
	w.matrix("blk.0.attn_q.weight", 0.2, 2*width, tinyHeads*tinyHeadDim)
	w.matrix("blk.0.attn_k.weight", 0.2, 2*width, tinyKVHeads*tinyHeadDim)
	w.matrix("blk.0.attn_v.weight", 0.2, 2*width, tinyKVHeads*tinyHeadDim)
	w.matrix("blk.0.attn_output.weight", 0.2, tinyHeads*tinyHeadDim, width)
	w.norm("blk.0.ffn_norm.weight", width)
	w.matrix("blk.0.ffn_gate.weight", 0.2, width, tinyFFN)
	w.matrix("blk.0.ffn_up.weight", 0.2, width, tinyFFN)
	w.matrix("blk.0.ffn_down.weight", 0.2, tinyFFN, width)
	keys := append(tinyKeys("eagle3", width, 1),
		gguftest.V("eagle3.target_layers", gguftest.A([]uint32{0, layers / 2, layers})),
		gguftest.V("eagle3.target_hidden_size", uint32(width)))
	return w.write(t, filepath.Join(t.TempDir(), "borrowing.gguf"), append(keys, tokenizer(32000)...))
}
