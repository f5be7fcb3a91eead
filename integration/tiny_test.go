package integration

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// tinyModel returns an architecture's tiny model of a kind: untied, tied, bias or library
// (ggmlhead/tests/tiny-models.cpp).
func tinyModel(t *testing.T, arch, kind string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command(patched(t).Lib("tiny-models"), dir, arch).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, arch+"-"+kind+".gguf")
}

// split splits a model with llama.cpp's tool and returns its parts in order.
func split(t *testing.T, model string, flags ...string) []string {
	t.Helper()
	dir := t.TempDir()
	h := patched(t)
	h.run(t, nil, h.Lib("llama-gguf-split"), append(append([]string{"--split"}, flags...), model,
		filepath.Join(dir, "part"))...)
	parts, _ := filepath.Glob(filepath.Join(dir, "part-*.gguf"))
	if len(parts) < 2 {
		t.Fatalf("the model is split into %q", parts)
	}
	return parts
}

// withAnyMap writes model to path with a map of clusters of size tokens.
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

// rewrite writes f to path with keys in place of its own FlashHead keys.
func rewrite(t *testing.T, f *gguf.File, path string, keys []gguf.NewValue) {
	t.Helper()
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := f.Rewrite(out, flashhead.IsKey, keys, func(int64, int64) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// tinyWeights collects random F32 weights of a model's file.
type tinyWeights struct {
	random  *rand.Rand
	tensors []gguftest.Tensor
}

// newTinyWeights returns an empty collection. The same seed gives the same weights.
func newTinyWeights(seed uint64) *tinyWeights {
	return &tinyWeights{random: rand.New(rand.NewPCG(seed, 42))}
}

// add adds a tensor.
func (w *tinyWeights) add(name string, values []float32, shape ...uint64) {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	w.tensors = append(w.tensors, gguftest.T(name, gguftest.TypeF32, data, shape...))
}

// matrix adds a matrix with normally distributed values.
func (w *tinyWeights) matrix(name string, deviation float64, shape ...uint64) {
	n := uint64(1)
	for _, s := range shape {
		n *= s
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(w.random.NormFloat64() * deviation)
	}
	w.add(name, values, shape...)
}

// vector adds a vector of n equal values.
func (w *tinyWeights) vector(name string, n uint64, value float32) {
	values := make([]float32, n)
	for i := range values {
		values[i] = value
	}
	w.add(name, values, n)
}

// norm adds the weights of a norm.
func (w *tinyWeights) norm(name string, n uint64) { w.vector(name, n, 1) }

// write writes a file of these weights and returns its path.
func (w *tinyWeights) write(t *testing.T, path string, keys []gguftest.KV) string {
	t.Helper()
	if err := os.WriteFile(path, gguftest.File{KVs: keys, Tensors: w.tensors}.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tokenizer returns a tokenizer of n tokens: three special ones, the bytes, which prompts are cut into, and words.
func tokenizer(n int) []gguftest.KV {
	tokens, types := []string{"<unk>", "<s>", "</s>"}, []int32{2, 3, 3}
	for b := range 256 {
		tokens, types = append(tokens, fmt.Sprintf("<0x%02X>", b)), append(types, 6)
	}
	for len(tokens) < n {
		tokens, types = append(tokens, fmt.Sprintf("▁word%d", len(tokens))), append(types, 1)
	}
	return []gguftest.KV{
		gguftest.V("tokenizer.ggml.model", "llama"),
		gguftest.V("tokenizer.ggml.tokens", gguftest.A(tokens)),
		gguftest.V("tokenizer.ggml.scores", gguftest.A(make([]float32, n))),
		gguftest.V("tokenizer.ggml.token_type", gguftest.A(types)),
		gguftest.V("tokenizer.ggml.bos_token_id", uint32(1)),
		gguftest.V("tokenizer.ggml.eos_token_id", uint32(2)),
	}
}
