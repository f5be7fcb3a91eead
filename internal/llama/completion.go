package llama

import (
	"context"
	"slices"
)

// Completion is a greedy continuation.
type Completion struct {
	Text   string
	Tokens []int
	Speed  float64 // tokens/s of decoding
}

// Tokens returns the tokens of a text, after the special tokens that the model wants at the start.
func (s *Server) Tokens(ctx context.Context, text string) ([]int, error) {
	return s.tokens(ctx, text, true)
}

// PlainTokens returns the tokens of a text without special tokens.
func (s *Server) PlainTokens(ctx context.Context, text string) ([]int, error) {
	return s.tokens(ctx, text, false)
}

// Prefix returns the special tokens that the model wants at the start of a text.
func (s *Server) Prefix(ctx context.Context) ([]int, error) {
	const text = "text"
	special, err := s.Tokens(ctx, text)
	if err != nil {
		return nil, err
	}
	alone, err := s.PlainTokens(ctx, text)
	return prefix(alone, special), err
}

func (s *Server) tokens(ctx context.Context, text string, special bool) ([]int, error) {
	var answer struct {
		Tokens []int `json:"tokens"`
	}
	err := s.Post(ctx, "/tokenize", map[string]any{"content": text, "add_special": special}, &answer)
	return answer.Tokens, err
}

// Greedy continues prompt by at most n tokens, each the most probable one.
func (s *Server) Greedy(ctx context.Context, prompt []int, n int) (Completion, error) {
	var answer struct {
		Content string `json:"content"`
		Tokens  []int  `json:"tokens"`
		Timings struct {
			Speed float64 `json:"predicted_per_second"`
		} `json:"timings"`
	}
	err := s.Post(ctx, "/completion", map[string]any{
		"prompt": prompt, "n_predict": n, "temperature": 0, "cache_prompt": false, "return_tokens": true,
		// As in Ollama, top-k comes first: sampling from all tokens would cost more than the head.
		"samplers": []string{"top_k", "temperature"}, "top_k": 40,
	}, &answer)
	return Completion{answer.Content, answer.Tokens, answer.Timings.Speed}, err
}

// prefix returns the tokens of special before the text: special is the text tokenized with special tokens, and alone is
// the same without.
func prefix(alone, special []int) []int {
	for n := range len(special) - len(alone) + 1 {
		if slices.Equal(special[n:n+len(alone)], alone) {
			return special[:n]
		}
	}
	return nil
}
