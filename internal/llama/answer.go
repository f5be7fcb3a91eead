package llama

import "context"

// Answer asks for n tokens after those of prompt, also beyond the end of the answer, and returns the speed of decoding
// in tokens/s. Tokens are drawn as Ollama does by default, or greedily if seed is 0.
func (s *Server) Answer(ctx context.Context, prompt []int, n, seed int) (float64, error) {
	request := map[string]any{"prompt": prompt, "n_predict": n, "cache_prompt": false, "ignore_eos": true,
		"samplers": []string{"top_k", "top_p", "temperature"}, "top_k": 40, "top_p": 0.9, "temperature": 0}
	if seed != 0 {
		request["temperature"], request["seed"] = 0.8, seed
	}
	var answer struct {
		Timings struct {
			Speed float64 `json:"predicted_per_second"`
		} `json:"timings"`
	}
	err := s.Post(ctx, "/completion", request, &answer)
	return answer.Timings.Speed, err
}
