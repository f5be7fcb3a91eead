package llama

import (
	"context"
	"slices"
)

// Ollama's default sampling: the best DefaultTopK tokens, of these the fewest that have DefaultTopP of their
// probability, at DefaultTemperature. Source: api.DefaultOptions of Ollama 0.34.2 and the order of samplers of its
// llama-server, top_k, top_p, temperature.
const (
	DefaultTopK        = 40
	DefaultTopP        = 0.9
	DefaultTemperature = 0.8
)

// Completion is a continuation.
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
	return s.complete(ctx, prompt, n, map[string]any{
		"temperature": 0, "return_tokens": true,
		// As in Ollama, top-k comes first: sampling from all tokens would cost more than the head.
		"samplers": []string{"top_k", "temperature"}, "top_k": 40,
	})
}

// Answer continues prompt by n tokens, also beyond the end of the answer. Tokens are drawn as Ollama does by default,
// or greedily if seed is 0. The completion has no tokens.
func (s *Server) Answer(ctx context.Context, prompt []int, n, seed int) (Completion, error) {
	request := map[string]any{
		"temperature": 0, "ignore_eos": true,
		"samplers": []string{"top_k", "top_p", "temperature"}, "top_k": DefaultTopK, "top_p": DefaultTopP,
	}
	if seed != 0 {
		request["temperature"], request["seed"] = DefaultTemperature, seed
	}
	return s.complete(ctx, prompt, n, request)
}

// complete adds prompt and number of tokens to request and posts it.
func (s *Server) complete(ctx context.Context, prompt []int, n int, request map[string]any) (Completion, error) {
	request["prompt"], request["n_predict"], request["cache_prompt"] = prompt, n, false
	var answer struct {
		Content string `json:"content"`
		Tokens  []int  `json:"tokens"`
		Timings struct {
			Speed float64 `json:"predicted_per_second"`
		} `json:"timings"`
	}
	err := s.Post(ctx, "/completion", request, &answer)
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
