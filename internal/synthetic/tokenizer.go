package synthetic

import (
	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// LLAMA_TOKEN_TYPE_NORMAL and _CONTROL.
const (
	normalToken  = 1
	controlToken = 3
)

// The first tokens.
const (
	beginToken = iota
	endToken
	specialTokens
)

// tokenizer returns the keys of a byte-level BPE tokenizer with vocabulary tokens: two special ones, all bytes, all
// pairs of bytes, and triples. Each pair and triple has its merge.
func tokenizer(vocabulary int64) []gguf.NewValue {
	bytes := alphabet()
	tokens := append([]string{"<s>", "</s>"}, bytes[:]...)
	var merges []string
	add := func(first, second string) {
		tokens = append(tokens, first+second)
		merges = append(merges, first+" "+second)
	}
	for i := 0; int64(len(tokens)) < vocabulary; i++ {
		if i < 1<<16 {
			add(bytes[i>>8], bytes[i&255])
			continue
		}
		j := i - 1<<16
		add(bytes[j>>16]+bytes[j>>8&255], bytes[j&255])
	}
	types := make([]int32, len(tokens))
	for i := range types {
		types[i] = normalToken
		if i < specialTokens {
			types[i] = controlToken
		}
	}
	return []gguf.NewValue{
		gguf.Str("tokenizer.ggml.model", "gpt2"),
		gguf.Str("tokenizer.ggml.pre", "gpt-2"),
		gguf.Strs("tokenizer.ggml.tokens", tokens),
		gguf.I32s("tokenizer.ggml.token_type", types),
		gguf.Strs("tokenizer.ggml.merges", merges),
		gguf.U32("tokenizer.ggml.bos_token_id", beginToken),
		gguf.U32("tokenizer.ggml.eos_token_id", endToken),
		gguf.Flag("tokenizer.ggml.add_bos_token", true),
	}
}

// alphabet returns the character for each byte in GPT-2's vocabulary: itself if it is visible, else one from U+0100 on.
func alphabet() [256]string {
	var bytes [256]string
	next := rune(256)
	for b := range bytes {
		if 33 <= b && b < 127 || 161 <= b && b < 173 || 174 <= b {
			bytes[b] = string(rune(b))
			continue
		}
		bytes[b] = string(next)
		next++
	}
	return bytes
}
