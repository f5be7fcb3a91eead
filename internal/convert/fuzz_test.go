package convert_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// inTurn is a source of maps that assigns tokens to clusters in turn, without the native tool, so it is fast enough to
// fuzz.
type inTurn struct{ head flashhead.Head }

func (s *inTurn) Plan(src *flashhead.Model) (flashhead.Parameters, error) {
	s.head = src.Head
	if s.head.Vocab() < 4 {
		return flashhead.Parameters{}, hint.New("too few tokens", "give another file")
	}
	return flashhead.Parameters{Clusters: uint32(s.head.Vocab()+3) / 4}, nil
}

func (s *inTurn) Fill(_ context.Context, params *flashhead.Parameters, _ *progress.Progress) error {
	params.Assignments = make([]uint32, s.head.Vocab())
	for i := range params.Assignments {
		params.Assignments[i] = uint32(i) % params.Clusters
	}
	return nil
}

// FuzzConvert converts any bytes. It must not panic or change its input. A refused input leaves no file, and an output
// is a valid converted file with the input's tensors.
func FuzzConvert(f *testing.F) {
	f.Add(gguftest.Model(40, 32).Bytes())
	converted := gguftest.Model(40, 32)
	converted.KVs = append(converted.KVs, gguftest.V(flashhead.KeyVersion, uint32(flashhead.FormatVersion)),
		gguftest.V(flashhead.KeyPinnedTokens, gguftest.A([]uint32{7})))
	f.Add(converted.Bytes())
	padded := gguftest.Model(8, 32)
	padded.Alignment = 64
	padded.KVs = append(padded.KVs, gguftest.V(gguf.AlignmentKey, uint32(64)),
		gguftest.V("tokenizer.ggml.eot_token_id", int64(-1)))
	f.Add(padded.Bytes())
	f.Add([]byte("GGUF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := gguftest.Write(t, "in.gguf", data)
		out := filepath.Join(t.TempDir(), "out.gguf")
		summary, err := convert.From(context.Background(), &inTurn{},
			convert.Target{Input: in, Output: out, Force: true, ToolVersion: "test"}, progress.New(io.Discard))
		if after, readErr := os.ReadFile(in); readErr != nil || !bytes.Equal(after, data) {
			t.Fatalf("the input changed: %v", readErr)
		}
		if err != nil {
			if left := names(filepath.Dir(out)); left != "" {
				t.Fatalf("refused with %v, but %s is there", err, left)
			}
			hinttest.Check(t, err, "")
			return
		}
		if left := names(filepath.Dir(out)); left != "out.gguf" {
			t.Fatalf("in the folder are %s", left)
		}
		checkConverted(t, in, out, summary)
	})
}
