package flashhead_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

func pinned(t *testing.T, file gguftest.File) []uint32 {
	t.Helper()
	f := read(t, file)
	return flashhead.DefaultPinned(f, head(t, f))
}

// reserving returns a model of 600 tokens whose first n are control tokens called <|reserved_i|>, with other names and
// types where they are given.
func reserving(n int, names map[int]string, types map[int]int32, more ...gguftest.KV) gguftest.File {
	f := gguftest.Model(600, 32)
	f.KVs = f.KVs[:len(f.KVs)-1]
	texts, kinds := make([]string, 600), make([]int32, 600)
	for i := range texts {
		texts[i], kinds[i] = fmt.Sprintf("word%d", i), 1
		if i < n {
			texts[i], kinds[i] = fmt.Sprintf("<|reserved_%d|>", i), 3
		}
	}
	for i, name := range names {
		texts[i] = name
	}
	for i, kind := range types {
		kinds[i] = kind
	}
	f.KVs = append(f.KVs, gguftest.V("tokenizer.ggml.token_type", gguftest.A(kinds)),
		gguftest.V("tokenizer.ggml.tokens", gguftest.A(texts)))
	f.KVs = append(f.KVs, more...)
	return f
}

// If there are too many control tokens, the important ones are pinned.
func TestManyControlTokens(t *testing.T) {
	template := gguftest.V("tokenizer.chat_template", "{{ bos }}<|start|>{{ m }}<|stop|>")
	ids := gguftest.V("tokenizer.ggml.eos_token_ids", gguftest.A([]int32{599, -1, 598}))
	got := pinned(t, reserving(500, map[int]string{
		480: "<|eot_id|>", 490: "<|start|>", 495: "<|stop|>", 499: "<|tool|>", 590: "<|im_end|>", 580: "<|start|> " +
			"word"}, nil, template, ids))
	for _, want := range []uint32{0, 1, 480, 490, 495, 499, 590, 598, 599} {
		if !slices.Contains(got, want) {
			t.Errorf("%d is not pinned", want)
		}
	}
	// 256 of the control tokens; keys name two of these; two ends, of which one is a control token, and two more ends in a
	// key
	if len(got) != 256+1+1+2 || slices.Contains(got, 580) || !slices.IsSorted(got) {
		t.Errorf("%d tokens are pinned: %v", len(got), got)
	}
	if got := pinned(t, reserving(300, nil, nil)); len(got) != 256 {
		t.Errorf("of 300 reserved tokens %d are pinned", len(got))
	}
	few := pinned(t, reserving(10, map[int]string{400: "<end_of_turn>"}, map[int]int32{300: 3}))
	if want := []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 300, 400}; !slices.Equal(few, want) {
		t.Errorf("of few control tokens %v are pinned, not %v", few, want)
	}
	without := reserving(300, nil, nil)
	without.KVs = slices.DeleteFunc(without.KVs, func(kv gguftest.KV) bool { return kv.Key == "tokenizer.ggml.tokens" })
	if got := pinned(t, without); len(got) != 256 {
		t.Errorf("of 300 control tokens without texts %d are pinned", len(got))
	}
}

func TestDefaultPinned(t *testing.T) {
	few := gguftest.Model(40, 32) // control tokens 0 and 2; keys name 0 and 1
	few.KVs = append(few.KVs, gguftest.V("tokenizer.ggml.eot_token_id", uint32(39)),
		gguftest.V("tokenizer.ggml.padding_token_id", int32(-1)),
		gguftest.V("tokenizer.ggml.eom_token_id", uint32(40)), gguftest.V("llama.decoder_start_token_id", uint32(7)))
	if got := pinned(t, few); !slices.Equal(got, []uint32{0, 1, 2, 39}) {
		t.Errorf("pinned %v", got)
	}
	padded := gguftest.Model(40, 32) // more types than rows
	types := make([]int32, 60)
	types[50], types[5] = 3, 3
	padded.KVs[len(padded.KVs)-1] = gguftest.V("tokenizer.ggml.token_type", gguftest.A(types))
	if got := pinned(t, padded); !slices.Equal(got, []uint32{0, 1, 5}) {
		t.Errorf("with a token list longer than the head: %v", got)
	}
	bare := gguftest.Model(40, 32)
	bare.KVs = bare.KVs[:1]
	if got := pinned(t, bare); got == nil || len(got) != 0 {
		t.Errorf("without a tokenizer: %v", got)
	}
}
