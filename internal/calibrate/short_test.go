package calibrate

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// writeModel writes a model with tensors of type f32. The first byte of each value is the number of its row.
func writeModel(t *testing.T, tensors ...gguf.Tensor) string {
	t.Helper()
	c := gguf.Content{Tensors: tensors, Keys: []gguf.NewValue{
		gguf.Str("general.architecture", "a"), gguf.U32("a.vocab_size", 50), gguf.U32("a.block_count", 3),
		gguf.Str("tokenizer.ggml.model", "gpt2"), gguf.Strs("tokenizer.ggml.tokens", []string{"x"}),
		gguf.U32("flashhead.version", 1),
	}}
	if _, err := c.Place(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.gguf")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	err = c.Write(out, func(w io.Writer, x gguf.Tensor) error {
		for row := range x.Rows() {
			if _, err := w.Write(slices.Repeat([]byte{byte(row), 0, 0, 0}, int(x.Columns()))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// matrix is a tensor of type f32.
func matrix(name string, shape ...int64) gguf.Tensor { return gguf.Tensor{Name: name, Shape: shape} }

func TestWriteShort(t *testing.T) {
	chunks := []chunk{{tokens: []int{49, 7, 7}}, {tokens: []int{0, 7, 30}}}
	embedding, block := matrix("token_embd.weight", 2, 50), matrix("blk.0.ffn_up.weight", 2, 4)
	path := filepath.Join(t.TempDir(), "short.gguf")
	rows, err := writeShort(t.Context(), path, writeModel(t, block, matrix("output.weight", 2, 50), embedding), chunks)
	if err != nil || len(rows) != 4 || rows[0] != 0 || rows[7] != 1 || rows[30] != 2 || rows[49] != 3 {
		t.Fatalf("%v, %v", rows, err)
	}
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct {
		name string
		want []byte
	}{
		{"token_embd.weight", []byte{0, 0, 7, 7, 30, 30, 49, 49}},
		{"output.weight", []byte{0, 0, 7, 7, 30, 30, 49, 49}},
		{"blk.0.ffn_up.weight", []byte{0, 0, 1, 1, 2, 2, 3, 3}},
	} {
		tensor, _ := f.Tensor(c.name)
		data, err := io.ReadAll(f.Data(tensor))
		if err != nil || len(data) != 4*len(c.want) {
			t.Fatalf("%s: %d bytes, %v", c.name, len(data), err)
		}
		for i, want := range c.want {
			if data[4*i] != want {
				t.Errorf("%s: %v", c.name, data)
				break
			}
		}
	}
	size, _ := f.Uint("a.vocab_size")
	blocks, _ := f.Uint("a.block_count")
	vocabulary, _ := f.Str("tokenizer.ggml.model")
	if size != 4 || blocks != 3 || vocabulary != "no_vocab" || len(f.Keys) != 4 {
		t.Errorf("%d tokens, %d blocks, %s, %d keys", size, blocks, vocabulary, len(f.Keys))
	}

	for what, tensors := range map[string][]gguf.Tensor{
		"a small head":              {embedding, matrix("blk.0.ffn_up.weight", 2, 451)},
		"other rows for tokens":     {embedding, block, matrix("per_layer_token_embd.weight", 2, 50)},
		"a bias of the head":        {embedding, block, matrix("output.bias", 50)},
		"a head of another shape":   {embedding, block, matrix("output.weight", 2, 49)},
		"no embedding":              {block, matrix("output.weight", 2, 50)},
		"tokens without embeddings": {matrix("token_embd.weight", 2, 49), block},
	} {
		path := filepath.Join(t.TempDir(), "short.gguf")
		if rows, err := writeShort(t.Context(), path, writeModel(t, tensors...), chunks); rows != nil || err != nil {
			t.Errorf("%s: %v, %v", what, rows, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: there is a copy", what)
		}
	}
}
