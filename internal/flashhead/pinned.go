package flashhead

import (
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// maxControlTokens limits how many control tokens are pinned: some vocabularies hold thousands of reserved ones.
const maxControlTokens = 256

const controlToken = 3 // llama.cpp's LLAMA_TOKEN_TYPE_CONTROL

// ends are the texts by which llama.cpp knows tokens that end an answer or a turn, whatever their type
// (llama-vocab.cpp, special_eog_ids).
var ends = []string{
	"<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>",
	"<|endoftext|>", "</s>",
	"<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>",
	"<|tool_response>",
	"<｜end▁of▁sentence｜>", "[e~[",
}

// DefaultPinned returns the tokens that are always scored: those named by the tokenizer's keys (end of text, …), those
// that llama.cpp takes for an end, and control tokens. They end answers and turns, so a miss costs more than their
// rows. Of more than 256 control tokens it prefers those in the chat template, then those that are not reserved.
func DefaultPinned(f *gguf.File, head Head) []uint32 {
	pinned := []uint32{}
	add := func(token uint64) {
		if token < uint64(head.Vocab()) {
			pinned = append(pinned, uint32(token))
		}
	}
	for _, kv := range f.Keys {
		switch {
		case !strings.HasPrefix(kv.Key, "tokenizer.ggml."):
		case strings.HasSuffix(kv.Key, "_token_id"):
			if token, ok := f.Uint(kv.Key); ok {
				add(token)
			}
		case strings.HasSuffix(kv.Key, "_token_ids") && kv.Count <= maxControlTokens:
			tokens, _ := gguf.Numbers[uint32](f, kv.Key) // -1 is a large one
			for _, token := range tokens {
				add(uint64(token))
			}
		}
	}
	for _, token := range specialTokens(f) {
		add(token)
	}
	slices.Sort(pinned)
	return slices.Compact(pinned)
}

// specialTokens returns the tokens that are special by their text or type.
func specialTokens(f *gguf.File) (special []uint64) {
	// A file without types, or with odd ones, has no control tokens to pin; one without texts has no template that names
	// them.
	types, _ := gguf.Numbers[int32](f, "tokenizer.ggml.token_type")
	template, _ := f.Str("tokenizer.chat_template")
	var written, others, reserved, control []uint64 // control: all of them
	for token, t := range types {
		if t == controlToken {
			control = append(control, uint64(token))
		}
	}
	few := len(control) <= maxControlTokens
	_ = gguf.EachString(f, "tokenizer.ggml.tokens", func(i int64, text []byte) {
		switch name := string(text); {
		case slices.Contains(ends, name):
			special = append(special, uint64(i))
		case few || i >= int64(len(types)) || types[i] != controlToken:
		case name != "" && strings.Contains(template, name):
			written = append(written, uint64(i))
		case strings.Contains(name, "unused") || strings.Contains(name, "reserved"):
			reserved = append(reserved, uint64(i))
		default:
			others = append(others, uint64(i))
		}
	})
	if few {
		return append(special, control...)
	}
	if len(written)+len(others)+len(reserved) == 0 {
		others = control
	}
	others = append(append(written, others...), reserved...)
	return append(special, others[:min(len(others), maxControlTokens)]...)
}
