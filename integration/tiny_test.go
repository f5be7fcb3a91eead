package integration

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// Shape of the tiny models: large enough for every code path, and fast to make.
const (
	tinyVocab   = 4096
	tinyWidth   = 64 // of a hidden state
	tinyHeads   = 4
	tinyKVHeads = 2
	tinyHeadDim = 16
	tinyFFN     = 128
	tinyLayers  = 2
	tinyExperts = 4
)

// tiny is a model of one architecture with random weights.
type tiny struct {
	name     string
	arch     string
	headType uint32 // ggml type of the output head
	untied   bool
	softcap  float32 // of the logits, 0: none
	qkNorm   bool    // norms of queries and keys
	postNorm bool    // norms behind attention and feed-forward
	experts  bool
	vocab    int // tokens, 0: tinyVocab
	width    int // of a hidden state, 0: tinyWidth
}

func (m tiny) tokens() uint64  { return uint64(cmp.Or(m.vocab, tinyVocab)) }
func (m tiny) columns() uint64 { return uint64(cmp.Or(m.width, tinyWidth)) }

// write writes the model's file into dir. The same model always gives the same bytes.
func (m tiny) write(t *testing.T, dir string) string {
	t.Helper()
	w := newTinyWeights(len(m.name))
	matrix, norm := w.matrix, w.norm
	tokens, width := m.tokens(), m.columns()
	// Embeddings are small and layers add large values, so the next token depends on more than the last one.
	matrix("token_embd.weight", m.tokenType(), 0.02, width, tokens)
	norm("output_norm.weight", width)
	if m.untied {
		matrix("output.weight", m.headType, 0.1, width, tokens)
	}
	const in, mid = 2.0 / 8, 2.0 / 11 // about 2/sqrt of the columns
	for l := range tinyLayers {
		p := "blk." + string(rune('0'+l)) + "."
		norm(p+"attn_norm.weight", width)
		matrix(p+"attn_q.weight", gguftest.TypeF32, in, width, tinyHeads*tinyHeadDim)
		matrix(p+"attn_k.weight", gguftest.TypeF32, in, width, tinyKVHeads*tinyHeadDim)
		matrix(p+"attn_v.weight", gguftest.TypeF32, in, width, tinyKVHeads*tinyHeadDim)
		matrix(p+"attn_output.weight", gguftest.TypeF32, in, tinyHeads*tinyHeadDim, width)
		if m.qkNorm {
			norm(p+"attn_q_norm.weight", tinyHeadDim)
			norm(p+"attn_k_norm.weight", tinyHeadDim)
		}
		norm(p+"ffn_norm.weight", width)
		if m.experts {
			matrix(p+"ffn_gate_inp.weight", gguftest.TypeF32, in, width, tinyExperts)
			matrix(p+"ffn_gate_exps.weight", gguftest.TypeF32, in, width, tinyFFN, tinyExperts)
			matrix(p+"ffn_up_exps.weight", gguftest.TypeF32, in, width, tinyFFN, tinyExperts)
			matrix(p+"ffn_down_exps.weight", gguftest.TypeF32, mid, tinyFFN, width, tinyExperts)
		} else {
			matrix(p+"ffn_gate.weight", gguftest.TypeF32, in, width, tinyFFN)
			matrix(p+"ffn_up.weight", gguftest.TypeF32, in, width, tinyFFN)
			matrix(p+"ffn_down.weight", gguftest.TypeF32, mid, tinyFFN, width)
		}
		if m.postNorm {
			norm(p+"post_attention_norm.weight", width)
			norm(p+"post_ffw_norm.weight", width)
		}
	}
	return w.write(t, filepath.Join(dir, m.name+".gguf"), append(m.keys(), tokenizer(int(tokens))...))
}

// tinyWeights collects random weights of a model's file.
type tinyWeights struct {
	random  *rand.Rand
	tensors []gguftest.Tensor
}

// newTinyWeights returns an empty collection. The same seed gives the same weights.
func newTinyWeights(seed int) *tinyWeights {
	return &tinyWeights{random: rand.New(rand.NewPCG(uint64(seed), 42))}
}

// matrix adds a matrix with normally distributed values.
func (w *tinyWeights) matrix(name string, typ uint32, deviation float64, shape ...uint64) {
	n := uint64(1)
	for _, s := range shape {
		n *= s
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(w.random.NormFloat64() * deviation)
	}
	w.tensors = append(w.tensors, gguftest.T(name, typ, encode(typ, values), shape...))
}

// norm adds a vector of n ones.
func (w *tinyWeights) norm(name string, n uint64) {
	values := make([]float32, n)
	for i := range values {
		values[i] = 1
	}
	w.tensors = append(w.tensors, gguftest.T(name, gguftest.TypeF32, encode(gguftest.TypeF32, values), n))
}

// write writes a file of these weights and returns its path.
func (w *tinyWeights) write(t *testing.T, path string, keys []gguftest.KV) string {
	t.Helper()
	if err := os.WriteFile(path, gguftest.File{KVs: keys, Tensors: w.tensors}.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// tokenType returns the type of the embedding, which is the head of a tied model.
func (m tiny) tokenType() uint32 {
	if m.untied {
		return gguftest.TypeF32
	}
	return m.headType
}

func (m tiny) keys() []gguftest.KV {
	a := m.arch + "."
	keys := []gguftest.KV{
		gguftest.V("general.architecture", m.arch),
		gguftest.V(a+"context_length", uint32(512)),
		gguftest.V(a+"embedding_length", uint32(m.columns())),
		gguftest.V(a+"block_count", uint32(tinyLayers)),
		gguftest.V(a+"feed_forward_length", uint32(tinyFFN)),
		gguftest.V(a+"attention.head_count", uint32(tinyHeads)),
		gguftest.V(a+"attention.head_count_kv", uint32(tinyKVHeads)),
		gguftest.V(a+"attention.key_length", uint32(tinyHeadDim)),
		gguftest.V(a+"attention.value_length", uint32(tinyHeadDim)),
		gguftest.V(a+"attention.layer_norm_rms_epsilon", float32(1e-6)),
		gguftest.V(a+"rope.dimension_count", uint32(tinyHeadDim)),
		gguftest.V(a+"rope.freq_base", float32(10000)),
		gguftest.V(a+"vocab_size", uint32(m.tokens())),
	}
	if m.softcap > 0 {
		keys = append(keys, gguftest.V(a+"final_logit_softcapping", m.softcap))
	}
	if m.postNorm {
		keys = append(keys, gguftest.V(a+"attention.sliding_window", uint32(64)))
	}
	if m.experts {
		keys = append(keys, gguftest.V(a+"expert_count", uint32(tinyExperts)), gguftest.V(a+"expert_used_count", uint32(2)),
			gguftest.V(a+"expert_feed_forward_length", uint32(tinyFFN)))
	}
	return keys
}

// tokenizer returns a byte-level BPE: two special tokens, the 256 bytes, and pairs of bytes with their merges.
func tokenizer(n int) []gguftest.KV {
	bytes := byteAlphabet()
	tokens, types := []string{"<s>", "</s>"}, []int32{3, 3}
	for _, b := range bytes {
		tokens, types = append(tokens, b), append(types, 1)
	}
	var merges []string
	for i := 0; len(tokens) < n; i++ {
		a, b := bytes[i/256], bytes[i%256]
		tokens, types, merges = append(tokens, a+b), append(types, 1), append(merges, a+" "+b)
	}
	return []gguftest.KV{
		gguftest.V("tokenizer.ggml.model", "gpt2"),
		gguftest.V("tokenizer.ggml.pre", "gpt-2"),
		gguftest.V("tokenizer.ggml.tokens", gguftest.A(tokens)),
		gguftest.V("tokenizer.ggml.token_type", gguftest.A(types)),
		gguftest.V("tokenizer.ggml.merges", gguftest.A(merges)),
		gguftest.V("tokenizer.ggml.bos_token_id", uint32(0)),
		gguftest.V("tokenizer.ggml.eos_token_id", uint32(1)),
		gguftest.V("tokenizer.ggml.add_bos_token", true),
	}
}

// byteAlphabet returns GPT-2's character for every byte: itself if printable, else one from U+0100 on.
func byteAlphabet() []string {
	var alphabet []string
	next := rune(256)
	for b := rune(0); b < 256; b++ {
		if b >= 33 && b <= 126 || b >= 161 && b <= 172 || b >= 174 {
			alphabet = append(alphabet, string(b))
		} else {
			alphabet = append(alphabet, string(next))
			next++
		}
	}
	return alphabet
}

// encode writes values in a ggml type: F32, F16 or Q8_0.
func encode(typ uint32, values []float32) []byte {
	var b []byte
	switch typ {
	case gguftest.TypeF32:
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	case gguftest.TypeF16:
		for _, v := range values {
			b = binary.LittleEndian.AppendUint16(b, half(v))
		}
	case gguftest.TypeQ8_0:
		for ; len(values) > 0; values = values[32:] {
			largest := 0.0
			for _, v := range values[:32] {
				largest = max(largest, math.Abs(float64(v)))
			}
			scale := largest / 127
			b = binary.LittleEndian.AppendUint16(b, half(float32(scale)))
			for _, v := range values[:32] {
				b = append(b, byte(int8(math.Round(float64(v)/scale))))
			}
		}
	default:
		panic("no encoder")
	}
	return b
}

// half rounds towards zero to IEEE half precision; v is small and normal or zero.
func half(v float32) uint16 {
	bits := math.Float32bits(v)
	sign := uint16(bits >> 16 & 0x8000)
	exponent := int(bits>>23&0xff) - 127 + 15
	if exponent <= 0 {
		return sign
	}
	return sign | uint16(exponent)<<10 | uint16(bits>>13&0x3ff)
}

// withAnyMap writes model to path with a map of clusters of size consecutive tokens.
func withAnyMap(t *testing.T, model, path string, size int) {
	t.Helper()
	f, err := gguf.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head, err := flashhead.FindHead(f)
	if err != nil {
		t.Fatal(err)
	}
	p := flashhead.Parameters{
		Clusters: uint32(int(head.Vocab()) / size), Assignments: make([]uint32, head.Vocab()), Pinned: []uint32{},
		Provenance: flashhead.Provenance{Tensor: head.Tensor.Name, ClusterSize: uint32(size)},
	}
	p.Probes = min(64, p.Clusters)
	if p.CentroidType, err = flashhead.CentroidType("q4_0", head); err != nil {
		t.Fatal(err)
	}
	for i := range p.Assignments {
		p.Assignments[i] = uint32(i) % p.Clusters
	}
	rewrite(t, f, path, p.Keys())
}
