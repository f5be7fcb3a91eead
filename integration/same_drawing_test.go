package integration

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// lukewarm makes a request draw with Ollama's defaults and a seed.
func lukewarm(seed int) func(*api.GenerateRequest) {
	return func(r *api.GenerateRequest) { r.Options["temperature"], r.Options["seed"] = 0.8, seed }
}

// Log-probabilities form a distribution. The best are in order and sum to at most 1. The chosen token is among them
// with the same value, or is less probable than the last. Their tokens are the answer.
func logProbabilities(t *testing.T, o *harness.Ollama) (answers []string) {
	const best = 10
	for seed, text := range prompts(t, 4) {
		a := generate(t, o, "fast", text, 24, lukewarm(seed), func(r *api.GenerateRequest) {
			r.Logprobs, r.TopLogprobs, r.Options["temperature"] = true, best, 1.3
		})
		answers = append(answers, fmt.Sprintf("%q %v", a.Response, a.Logprobs))
		if len(a.Logprobs) != a.EvalCount {
			t.Errorf("%d tokens, %d log-probabilities", a.EvalCount, len(a.Logprobs))
		}
		written := ""
		for i, l := range a.Logprobs {
			written += l.Token
			if err := oneDistribution(l, best); err != nil {
				t.Errorf("seed %d, token %d: %v", seed, i, err)
			}
		}
		if !strings.HasPrefix(written, a.Response) {
			t.Errorf("the answer is %q, its tokens are %q", a.Response, written)
		}
	}
	return answers
}

func oneDistribution(l api.Logprob, best int) error {
	if len(l.TopLogprobs) != best {
		return fmt.Errorf("the best %d tokens are %v", best, l.TopLogprobs)
	}
	sum := 0.0
	for i, top := range l.TopLogprobs {
		sum += math.Exp(top.Logprob)
		if math.IsNaN(top.Logprob) || math.IsInf(top.Logprob, 0) || i > 0 && top.Logprob > l.TopLogprobs[i-1].Logprob {
			return fmt.Errorf("not in order: %v", l.TopLogprobs)
		}
	}
	if sum > 1.0001 {
		return fmt.Errorf("the best %d tokens have probability %v", best, sum)
	}
	// another token may have the same text, such as half a character
	if l.Logprob > l.TopLogprobs[best-1].Logprob && !slices.ContainsFunc(l.TopLogprobs, func(top api.TokenLogprob) bool {
		return top.Token == l.Token && top.Logprob == l.Logprob
	}) {
		return fmt.Errorf("%q has %v, and the best are %v", l.Token, l.Logprob, l.TopLogprobs)
	}
	return nil
}

// Each penalty makes the most frequent word of the greedy answer rarer.
func penalties(t *testing.T, o *harness.Ollama) (answers []string) {
	texts := prompts(t, 4)
	words := func(change ...func(*api.GenerateRequest)) map[string]int {
		count := map[string]int{}
		for _, text := range texts {
			a := generate(t, o, "fast", text, answerTokens, change...)
			answers = append(answers, a.Response)
			for _, word := range strings.Fields(a.Response) {
				count[word]++
			}
		}
		return count
	}
	plain := words()
	common, most := "", 0
	for word, n := range plain {
		if n > most {
			common, most = word, n
		}
	}
	for _, penalty := range []struct {
		option string
		value  float64
	}{{"repeat_penalty", 1.5}, {"frequency_penalty", 1}, {"presence_penalty", 2}} {
		got := words(func(r *api.GenerateRequest) {
			r.Options[penalty.option], r.Options["repeat_last_n"] = penalty.value, 100
		})
		if got[common] >= plain[common] || len(got) <= len(plain) {
			t.Errorf("%s %v: %q %d times, without it %d times; %d different words, without it %d",
				penalty.option, penalty.value, common, got[common], plain[common], len(got), len(plain))
		}
	}
	return answers
}

// An answer ends right before the first stop word, and is otherwise unchanged. At the length limit it may lack a
// possible start of a stop word.
func stopWords(t *testing.T, o *harness.Ollama) (answers []string) {
	stops, stopped := []string{" the", ", and", "tion"}, 0
	for seed, text := range prompts(t, 6) {
		keepPrompt(t, o, text)
		whole := generate(t, o, "fast", text, 48, lukewarm(seed)).Response
		got := generate(t, o, "fast", text, 48, lukewarm(seed), func(r *api.GenerateRequest) { r.Options["stop"] = stops })
		want, reason := whole, ""
		for _, stop := range stops {
			if i := strings.Index(want, stop); i >= 0 {
				want, reason = want[:i], "stop"
			}
		}
		if reason != "" {
			stopped++
		} else if strings.HasPrefix(want, got.Response) {
			want = got.Response
		}
		if got.Response != want || reason != "" && got.DoneReason != reason {
			t.Errorf("seed %d: %q, done because of %q; without stop words %q", seed, got.Response, got.DoneReason, whole)
		}
		answers = append(answers, whole, got.Response)
	}
	if stopped < 3 {
		t.Errorf("stop words came %d times only: this says little", stopped)
	}
	return answers
}

// A seed gives the same answer, also after the model was unloaded. Another seed gives another answer.
func seeds(t *testing.T, o *harness.Ollama) (answers []string) {
	draw := func() (list []string) {
		keepPrompt(t, o, prompt)
		for seed := range 6 {
			list = append(list, generate(t, o, "fast", prompt, 32, lukewarm(seed)).Response)
		}
		return list
	}
	answers = draw()
	same(t, "the same seeds again", draw(), answers)
	unload(t, o, "fast")
	same(t, "the same seeds after loading again", draw(), answers)
	if distinct := slices.Compact(slices.Sorted(slices.Values(answers))); len(distinct) < len(answers)-1 {
		t.Errorf("%d seeds gave %d different answers", len(answers), len(distinct))
	}
	return answers
}

// The same with drawn clusters, which have the server's seed.
func TestSeedsOfDrawnClusters(t *testing.T) {
	testlevel.Long(t)
	h := patched(t)
	var answers []string
	for _, seed := range []string{"1", "1", "2"} {
		o := serve(t, h, "FLASHHEAD_MODE=sample", "FLASHHEAD_PROBES=20", "FLASHHEAD_SEED="+seed)
		register(t, o, "fast", converted(t))
		answers = append(answers, strings.Join(seeds(t, o), "\n"))
		o.Stop()
	}
	if answers[0] != answers[1] {
		t.Errorf("the same seed of the clusters, but\n%s\nand\n%s", answers[0], answers[1])
	}
	if answers[0] == answers[2] {
		t.Errorf("another seed of the clusters changes nothing: %s", answers[0])
	}
}

// An answer may be longer than the context, whose older half is then dropped repeatedly.
func contextShift(t *testing.T, o *harness.Ollama) (answers []string) {
	before := strings.Count(o.Log(), "context shift")
	for seed, text := range prompts(t, 8) { // where a drawn answer ends depends on the processor's rounding
		if seed >= 2 && strings.Count(o.Log(), "context shift") > before {
			break
		}
		a := generate(t, o, "fast", text, 700, hot(seed))
		answers = append(answers, a.Response)
		if a.EvalCount < 700 && a.DoneReason != "stop" || strings.TrimSpace(a.Response) == "" {
			t.Errorf("seed %d: %d tokens, done because of %q: %q", seed, a.EvalCount, a.DoneReason, a.Response)
		}
	}
	if strings.Count(o.Log(), "context shift") == before {
		t.Error("the log says nothing of a context shift: the answers were too short")
	}
	return answers
}

// keepPrompt puts a prompt into the server's cache. A prompt read as one batch is rounded slightly differently from a
// cached one, which is enough to change a close choice.
func keepPrompt(t *testing.T, o *harness.Ollama, text string) {
	t.Helper()
	generate(t, o, "fast", text, 1)
}

// unload unloads a model and waits until no model is loaded.
func unload(t *testing.T, o *harness.Ollama, model string) {
	t.Helper()
	generate(t, o, model, prompt, 1, func(r *api.GenerateRequest) { r.KeepAlive = &api.Duration{Duration: 0} })
	unloaded(t, o)
}
