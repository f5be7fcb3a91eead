package evaluation

import (
	"math"

	"github.com/fh-ollama/fh-ollama/internal/llama"
)

// Ollama's default sampler takes the best topK tokens, keeps the fewest of these that have topP of their probability,
// and draws from them at temperature coolest.
const (
	topK = llama.DefaultTopK
	topP = llama.DefaultTopP
)

// best appends the n most probable tokens to top, best first; ties are in token order.
func (l *logits) best(n int, top []int32) []int32 {
	least := -1 // a token must exceed this value
	for token, value := range l.values {
		if int(value) <= least {
			continue
		}
		if len(top) < n {
			top = append(top, 0)
		}
		i := len(top) - 1
		for ; i > 0 && l.values[top[i-1]] < value; i-- {
			top[i] = top[i-1]
		}
		top[i] = int32(token)
		if len(top) == n {
			least = int(l.values[top[n-1]])
		}
	}
	return top
}

// drawn is a distribution over few tokens, best first.
type drawn struct {
	tokens []int32
	share  [topK]float64
}

// truncate sets s to the distribution that the sampler draws from; best are l's best topK tokens.
func (s *drawn) truncate(l *logits, best []int32) {
	total := 0.0
	for i, token := range best {
		s.share[i] = math.Exp(l.log(token))
		total += s.share[i]
	}
	n, sum := 0, 0.0
	for n < len(best) && sum < topP*total {
		sum += s.share[n]
		n++
	}
	s.tokens = best[:n]
	total = 0
	for i := range n {
		s.share[i] = math.Pow(s.share[i], 1/coolest)
		total += s.share[i]
	}
	for i := range n {
		s.share[i] /= total
	}
}

// sameDraw returns the probability that the sampler draws the same token from p and q with the same random number. It
// draws the token at which the sum of the probabilities, best first, passes that number.
func sameDraw(p, q *drawn) float64 {
	same, begin := 0.0, 0.0
	endP, endQ := p.share[0], q.share[0]
	for i, j := 0, 0; i < len(p.tokens) && j < len(q.tokens); {
		end := math.Min(endP, endQ)
		if p.tokens[i] == q.tokens[j] {
			same += end - begin
		}
		begin = end
		if endP <= endQ {
			if i++; i < len(p.tokens) {
				endP += p.share[i]
			}
		} else if j++; j < len(q.tokens) {
			endQ += q.share[j]
		}
	}
	return math.Min(1, same)
}
