package calibrate

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// leastShare is the head's share of the model's weights from which a copy with a short vocabulary pays.
const leastShare = 0.1

// spareBytes stay free on the disk.
const spareBytes = 256 << 20

// writeShort writes a copy of a model to path. Its embedding and head have only the rows of the tokens in chunks,
// because llama.cpp computes the dense head at every position and calibration does not need the logits. writeShort
// returns the row of each token, or nil if a copy does not pay or is not possible.
func writeShort(ctx context.Context, path, model string, chunks []chunk) (rows map[int]int, err error) {
	f, err := gguf.Open(model)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	arch, _ := f.Str("general.architecture")
	tokens := tokensOf(chunks)
	if !canShorten(f, tokens) {
		return nil, nil
	}

	sizeKey := arch + ".vocab_size"
	content := gguf.Content{Keys: []gguf.NewValue{
		gguf.Str("tokenizer.ggml.model", "no_vocab"), gguf.U32(sizeKey, uint32(len(tokens))),
	}}
	for _, kv := range f.Keys {
		if kv.Key == sizeKey || kv.Key == gguf.AlignmentKey || strings.HasPrefix(kv.Key, "tokenizer.") ||
			strings.HasPrefix(kv.Key, flashhead.Prefix) {
			continue
		}
		entry, err := f.Copy(kv)
		if err != nil {
			return nil, err
		}
		content.Keys = append(content.Keys, entry)
	}
	for _, t := range f.Tensors {
		if hasVocabulary(t) {
			t.Shape = []int64{t.Columns(), int64(len(tokens))}
		}
		content.Tensors = append(content.Tensors, t)
	}
	need, err := content.Place()
	if err != nil {
		return nil, err
	}
	if free, ok := atomicfile.Free(filepath.Dir(path)); ok && free < need+spareBytes {
		return nil, nil
	}

	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, explain(err)
	}
	defer out.Close()
	err = content.Write(out, func(w io.Writer, t gguf.Tensor) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		whole, _ := f.Tensor(t.Name)
		if hasVocabulary(t) {
			return copyRows(w, f.Data(whole), whole.Bytes/whole.Rows(), tokens)
		}
		_, err := io.Copy(w, f.Data(whole))
		return err
	})
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		return nil, explain(err)
	}
	rows = make(map[int]int, len(tokens))
	for row, token := range tokens {
		rows[token] = row
	}
	return rows, nil
}

// tokensOf returns the tokens in chunks, each once.
func tokensOf(chunks []chunk) (tokens []int) {
	for _, c := range chunks {
		tokens = append(tokens, c.tokens...)
	}
	slices.Sort(tokens)
	return slices.Compact(tokens)
}

// hasVocabulary reports whether each row of a tensor belongs to a token.
func hasVocabulary(t gguf.Tensor) bool {
	return t.Name == "token_embd.weight" || t.Name == "output.weight"
}

// canShorten reports whether the head is a large part of the model's weights, and only embedding and head have rows for
// tokens.
func canShorten(f *gguf.File, tokens []int) bool {
	embedding, ok := f.Tensor("token_embd.weight")
	if !ok || f.Parts() > 1 || len(embedding.Shape) != 2 || int(embedding.Rows()) <= tokens[len(tokens)-1] {
		return false
	}
	head, other := embedding.Rows()*embedding.Columns(), int64(0)
	for _, t := range f.Tensors {
		switch {
		case hasVocabulary(t) && !slices.Equal(t.Shape, embedding.Shape),
			!hasVocabulary(t) && slices.Contains(t.Shape, embedding.Rows()):
			return false
		case !hasVocabulary(t):
			other += t.Rows() * t.Columns()
		}
	}
	return float64(head) >= leastShare*float64(head+other)
}

// copyRows writes rows of so many bytes each.
func copyRows(w io.Writer, from io.ReaderAt, bytes int64, rows []int) error {
	for _, row := range rows {
		if _, err := io.Copy(w, io.NewSectionReader(from, int64(row)*bytes, bytes)); err != nil {
			return err
		}
	}
	return nil
}
