package integration

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// predicting describes a tiny model of an architecture that can also predict the token after the next: one more block
// (MTP) takes the next token and the model's hidden state, and its output goes through the model's own head.
//
// The model's next token depends mostly on the last one, and the block passes that token's embedding on unchanged, so
// most predictions are right.
type predicting struct {
	name      string
	withTrunk bool // the model's own blocks are in the file
	withBlock bool // so is the block that predicts
	ownHead   bool // the block has an output weight of its own
}

const predictingArch = "mimo2"

// write writes the model's file into dir. Models share the values of common weights.
func (m predicting) write(t *testing.T, dir string) string {
	t.Helper()
	const (
		width = tinyWidth
		qkv   = (tinyHeads + 2*tinyKVHeads) * tinyHeadDim
	)
	all := newTinyWeights(7)
	all.matrix("token_embd.weight", gguftest.TypeF32, 1, width, tinyVocab)
	all.norm("output_norm.weight", width)
	all.matrix("output.weight", gguftest.TypeQ8_0, 0.1, width, tinyVocab)
	w := newTinyWeights(8)
	w.tensors = all.tensors
	for l := range tinyLayers + 1 {
		block := newTinyWeights(9 + l)
		name := func(tensor string) string { return fmt.Sprintf("blk.%d.%s.weight", l, tensor) }
		out := 0.005 // what a block adds to the hidden state
		if l == tinyLayers {
			out = 0
		}
		block.norm(name("attn_norm"), width)
		block.matrix(name("attn_qkv"), gguftest.TypeF32, 2.0/8, width, qkv)
		block.matrix(name("attn_output"), gguftest.TypeF32, out, tinyHeads*tinyHeadDim, width)
		block.norm(name("ffn_norm"), width)
		block.matrix(name("ffn_gate"), gguftest.TypeF32, 2.0/8, width, tinyFFN)
		block.matrix(name("ffn_up"), gguftest.TypeF32, 2.0/8, width, tinyFFN)
		block.matrix(name("ffn_down"), gguftest.TypeF32, out, tinyFFN, width)
		if l == tinyLayers {
			block.norm(name("nextn.enorm"), width)
			block.norm(name("nextn.hnorm"), width)
			// passes on the first of its two inputs, the embedding
			values := make([]float32, 2*width*width)
			for i := range width {
				values[i*2*width+i] = 1
			}
			block.tensors = append(block.tensors, gguftest.T(name("nextn.eh_proj"), gguftest.TypeF32,
				encode(gguftest.TypeF32, values), 2*width, width))
			if m.ownHead {
				block.matrix(name("nextn.shared_head_head"), gguftest.TypeQ8_0, 0.1, width, tinyVocab)
			}
		}
		if l < tinyLayers && m.withTrunk || l == tinyLayers && m.withBlock {
			w.tensors = append(w.tensors, block.tensors...)
		}
	}
	const a = predictingArch + "."
	keys := []gguftest.KV{
		gguftest.V("general.architecture", predictingArch),
		gguftest.V(a+"context_length", uint32(512)),
		gguftest.V(a+"embedding_length", uint32(width)),
		gguftest.V(a+"block_count", uint32(tinyLayers+1)),
		gguftest.V(a+"nextn_predict_layers", uint32(1)),
		gguftest.V(a+"feed_forward_length", uint32(tinyFFN)),
		gguftest.V(a+"expert_feed_forward_length", uint32(tinyFFN)),
		gguftest.V(a+"attention.head_count", uint32(tinyHeads)),
		gguftest.V(a+"attention.head_count_kv", uint32(tinyKVHeads)),
		gguftest.V(a+"attention.key_length", uint32(tinyHeadDim)),
		gguftest.V(a+"attention.value_length", uint32(tinyHeadDim)),
		gguftest.V(a+"attention.layer_norm_rms_epsilon", float32(1e-6)),
		gguftest.V(a+"attention.sliding_window", uint32(64)),
		gguftest.V(a+"attention.sliding_window_pattern", gguftest.A([]uint32{0, 1, 0})),
		gguftest.V(a+"rope.dimension_count", uint32(tinyHeadDim)),
		gguftest.V(a+"rope.freq_base", float32(10000)),
		gguftest.V(a+"vocab_size", uint32(tinyVocab)),
	}
	return w.write(t, filepath.Join(dir, m.name+".gguf"), append(keys, tokenizer(tinyVocab)...))
}
