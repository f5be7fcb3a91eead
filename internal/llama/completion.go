package llama

import "context"

// Completion is a greedy continuation.
type Completion struct {
	Text   string
	Tokens []int
	Speed  float64 // tokens/s of the decoding, without the prompt
}

// Tokens returns the tokens of a text, with those that the model wants at the start.
func (s *Server) Tokens(ctx context.Context, text string) ([]int, error) {
	var answer struct {
		Tokens []int `json:"tokens"`
	}
	err := s.Post(ctx, "/tokenize", map[string]any{"content": text, "add_special": true}, &answer)
	return answer.Tokens, err
}

// Greedy continues prompt by n tokens at most, always the likeliest one.
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
		// As in Ollama few candidates reach the rest of the chain, whose cost would hide the head's.
		"samplers": []string{"top_k", "temperature"}, "top_k": 40,
	}, &answer)
	return Completion{answer.Content, answer.Tokens, answer.Timings.Speed}, err
}
