package evaluation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/sampletext"
)

// BuiltIn is the name of the text that comes with the program.
const BuiltIn = "built-in"

// It is read in short chunks, so that a few cover every kind.
const (
	builtInContext = 128
	builtInChunks  = 32
	spare          = 2 // extra passages: some have fewer tokens than a chunk, and llama-perplexity needs two chunks
)

// text is the text to evaluate.
type text struct {
	path     string // for the runtime to read
	passages []passage
}

// passage is a part of the text of one kind.
type passage struct {
	kind string
	end  int // tokens of the text up to its end
}

// openFile opens a text and hashes it.
func openFile(path string) (text, Text, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // llama-perplexity reads it again
		return text{}, Text{}, hint.New(path+" is not a regular file", "give a file of plain text")
	}
	data, err := os.ReadFile(path)
	switch {
	case err != nil:
		return text{}, Text{}, hint.Wrap(err, "check the path and that you may read it")
	case len(data) == 0:
		return text{}, Text{}, hint.Wrap(errors.New(path+" is empty"), "give a text of some pages")
	}
	return text{path: path}, Text{Name: filepath.Base(path), SHA256: digest(string(data))}, nil
}

// openBuiltIn cuts the built-in text into passages of about o.Context tokens, from all kinds in turn, and a few more
// than o.Chunks. server has the tokenizer, and the text is written to folder.
func openBuiltIn(ctx context.Context, o Options, server *llama.Server, folder string) (text, Text, error) {
	var pieces [][]string // of each kind
	kinds := sampletext.Unseen()
	for _, kind := range kinds {
		tokens, err := server.PlainTokens(ctx, kind.Text)
		if err != nil {
			return text{}, Text{}, err
		}
		pieces = append(pieces, cut(kind.Text, max(1, len(tokens)/o.Context)))
	}
	var whole strings.Builder
	var t text
	tokens := 0
	for round, left := 0, true; left; round++ {
		left = false
		for i, kind := range kinds {
			if round >= len(pieces[i]) || len(t.passages) == o.Chunks+spare {
				continue
			}
			left = true
			piece := pieces[i][round] + "\n"
			more, err := server.PlainTokens(ctx, piece)
			if err != nil {
				return text{}, Text{}, err
			}
			tokens += len(more)
			t.passages = append(t.passages, passage{kind.Group, tokens})
			whole.WriteString(piece)
		}
	}
	t.path = filepath.Join(folder, "text")
	err := os.WriteFile(t.path, []byte(whole.String()), 0o600)
	return t, Text{Name: BuiltIn, SHA256: digest(whole.String())}, explain(folder, err)
}

// cut splits a text into n parts of about the same number of bytes.
func cut(text string, n int) []string {
	var parts []string
	begin := 0
	for i := range n {
		end := len(text) * (i + 1) / n
		for end < len(text) && !utf8.RuneStart(text[end]) {
			end++
		}
		parts = append(parts, text[begin:end])
		begin = end
	}
	return parts
}

func digest(data string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(data))) }

// kinds returns the scored positions by kind, in order of appearance. A kind's first and last tokens may count for its
// neighbour, because the whole text may be tokenized differently from its passages.
func (t text) kinds(h header) (names []string, positions [][]int) {
	if len(t.passages) == 0 {
		return nil, nil
	}
	index := map[string]int{}
	scored, at := h.context-1-h.context/2, 0
	for position := range h.positions() {
		token := position/scored*h.context + h.context/2 + position%scored
		for at+1 < len(t.passages) && t.passages[at].end <= token {
			at++
		}
		name := t.passages[at].kind
		if _, known := index[name]; !known {
			index[name] = len(names)
			names, positions = append(names, name), append(positions, nil)
		}
		positions[index[name]] = append(positions[index[name]], position)
	}
	return names, positions
}
