package synthetic

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// Model is a model with random weights.
type Model struct {
	Shape       Shape
	Type        Type
	ClusterSize int    // tokens in a cluster; 0: not converted
	Codes       bool   // with codes, of random directions
	Version     string // of fh-ollama, for the provenance
}

// Models returns a model, converted as convert would, for each of the named shapes and types. Errors carry a hint.
func Models(shapeNames, typeNames []string, codes bool, version string) ([]Model, error) {
	shapes, err := Shapes(shapeNames)
	if err != nil {
		return nil, err
	}
	types, err := Types(typeNames)
	if err != nil {
		return nil, err
	}
	var models []Model
	for _, s := range shapes {
		for _, t := range types {
			models = append(models, Model{Shape: s, Type: t, ClusterSize: flashhead.ClusterSize(codes), Codes: codes,
				Version: version})
		}
	}
	return models, nil
}

// String names shape and type.
func (m Model) String() string { return m.Shape.Name + " " + m.Type.Name }

// File is a planned file.
type File struct {
	Size    int64 // bytes
	content gguf.Content
}

// File plans the model's file. The same model gives the same bytes.
func (m Model) File() (File, error) {
	c := gguf.Content{Tensors: m.tensors()}
	size, err := c.Place()
	if err != nil {
		return File{}, err
	}
	c.Keys = append(m.keys(), tokenizer(m.Shape.Vocabulary)...)
	if m.ClusterSize > 0 {
		parameters, err := m.parameters(c, size)
		if err != nil {
			return File{}, err
		}
		c.Keys = append(c.Keys, parameters.Keys()...)
	}
	return File{int64(len(c.Header())) + size, c}, nil
}

// Write writes the file. report gets the bytes of tensor data written; its error ends Write.
func (f File) Write(dst io.Writer, report func(done int64) error) error {
	return f.content.Write(dst, func(w io.Writer, t gguf.Tensor) error {
		if t.Type == f32 {
			return writeOnes(w, t)
		}
		return writeRandom(w, t, func(done int64) error { return report(t.Offset + done) })
	})
}

// writeOnes writes the weights of a norm.
func writeOnes(w io.Writer, t gguf.Tensor) error {
	var ones []byte
	for range t.Columns() {
		ones = binary.LittleEndian.AppendUint32(ones, math.Float32bits(1))
	}
	_, err := w.Write(ones)
	return err
}

func (m Model) keys() []gguf.NewValue {
	s := m.Shape
	key := func(name string) string { return s.Architecture + "." + name }
	keys := []gguf.NewValue{
		gguf.Str("general.architecture", s.Architecture),
		gguf.Str("general.name", "synthetic "+m.String()),
		gguf.U32(key("context_length"), 8192),
		gguf.U32(key("embedding_length"), uint32(s.Width)),
		gguf.U32(key("block_count"), uint32(s.Layers)),
		gguf.U32(key("feed_forward_length"), uint32(s.FeedForward)),
		gguf.U32(key("attention.head_count"), uint32(s.Heads)),
		gguf.U32(key("attention.head_count_kv"), uint32(s.KeyHeads)),
		gguf.U32(key("attention.key_length"), uint32(s.HeadWidth)),
		gguf.U32(key("attention.value_length"), uint32(s.HeadWidth)),
		gguf.F32(key("attention.layer_norm_rms_epsilon"), 1e-6),
		gguf.F32(key("rope.freq_base"), 500000),
		gguf.U32(key("vocab_size"), uint32(s.Vocabulary)),
	}
	switch s.Architecture {
	case "llama":
		keys = append(keys, gguf.U32(key("rope.dimension_count"), uint32(s.HeadWidth)))
	case "gemma3":
		keys = append(keys, gguf.U32(key("attention.sliding_window"), 512))
	}
	return keys
}

func (m Model) tensors() []gguf.Tensor {
	s := m.Shape
	var all []gguf.Tensor
	matrix := func(name string, t gguf.TensorType, rows, columns int64) {
		all = append(all, gguf.Tensor{Name: name + ".weight", Type: fitting(t, columns), Shape: []int64{columns, rows}})
	}
	norm := func(name string, width int64) {
		all = append(all, gguf.Tensor{Name: name + ".weight", Type: f32, Shape: []int64{width}})
	}
	matrix("token_embd", m.Type.head, s.Vocabulary, s.Width)
	if !s.Tied {
		matrix("output", m.Type.head, s.Vocabulary, s.Width)
	}
	norm("output_norm", s.Width)
	for layer := range s.Layers {
		block := fmt.Sprintf("blk.%d.", layer)
		plain, better := m.Type.inLayer(layer)
		matrix(block+"attn_q", plain, s.Heads*s.HeadWidth, s.Width)
		matrix(block+"attn_k", plain, s.KeyHeads*s.HeadWidth, s.Width)
		matrix(block+"attn_v", better, s.KeyHeads*s.HeadWidth, s.Width)
		matrix(block+"attn_output", plain, s.Width, s.Heads*s.HeadWidth)
		matrix(block+"ffn_gate", plain, s.FeedForward, s.Width)
		matrix(block+"ffn_up", plain, s.FeedForward, s.Width)
		matrix(block+"ffn_down", better, s.Width, s.FeedForward)
		norm(block+"attn_norm", s.Width)
		norm(block+"ffn_norm", s.Width)
		if s.Architecture == "qwen3" || s.Architecture == "gemma3" {
			norm(block+"attn_q_norm", s.HeadWidth)
			norm(block+"attn_k_norm", s.HeadWidth)
		}
		if s.Architecture == "gemma3" {
			norm(block+"post_attention_norm", s.Width)
			norm(block+"post_ffw_norm", s.Width)
		}
	}
	return all
}

// parameters returns FlashHead's parameters for a file of content c with size bytes of tensor data. Tokens are assigned
// to clusters at random, which takes as long to decode as k-means clusters:
//   - The bytes read do not depend on the assignment: K centroids and the rows of P clusters. The body is larger than
//     the caches, so no rows stay cached from token to token.
//   - Clusters of different rows have different means, so the best P lie anywhere in the head. K-means would join the
//     rows that a tile repeats, and their clusters would score equally.
func (m Model) parameters(c gguf.Content, size int64) (flashhead.Parameters, error) {
	header := c.Header()
	f, err := gguf.Read(bytes.NewReader(header), int64(len(header))+size)
	if err != nil {
		return flashhead.Parameters{}, err
	}
	head, err := flashhead.FindHead(f)
	if err != nil {
		return flashhead.Parameters{}, err
	}
	centroids, err := flashhead.CentroidType("", head)
	if err != nil {
		return flashhead.Parameters{}, err
	}
	k := head.Clusters(m.ClusterSize)
	random := rand.New(rand.NewPCG(1, uint64(head.Vocab())))
	assignments := make([]uint32, head.Vocab())
	for i, token := range random.Perm(len(assignments)) {
		assignments[token] = uint32(i) % k
	}
	probes := uint32(0)
	p := flashhead.Parameters{
		Clusters: k, Assignments: assignments, CentroidType: centroids,
		Provenance: flashhead.Provenance{Tensor: head.Tensor.Name, ClusterSize: uint32(m.ClusterSize), Seed: 1,
			ToolVersion: m.Version},
	}
	if m.Codes {
		p.Codes = codes(flashhead.Qualities[0].Codes(head, k, centroids), head.Width(), random)
		p.Codes.Near, p.Codes.Tolerance = int(head.Vocab()/8), 0 // a tolerance would read all: logits are alike
		probes = max(k/32, 1)
	}
	return p, p.Select(0, probes, flashhead.DefaultPinned(f, head))
}

// codes returns codes of random directions. Projections on them keep inner products roughly (Johnson and
// Lindenstrauss), so the tokens' estimates differ as with fitted codes.
func codes(c flashhead.Codes, width int64, random *rand.Rand) flashhead.Codes {
	n := c.Directions
	directions := make([]float32, int64(n)*width)
	for i := range directions {
		directions[i] = float32(random.NormFloat64() / math.Sqrt(float64(n)))
	}
	c.Rows, c.Activations = directions, directions
	c.Variances, c.Weights = make([]float32, n), make([]float32, width)
	for i := range c.Variances {
		c.Variances[i] = 1
	}
	for i := range c.Weights {
		c.Weights[i] = 1
	}
	return c
}
