package integration

import (
	"encoding/base64"
	"encoding/json"
	"image/color"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/sampletext"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// exactTime is the environment variable with the time for random requests, such as 10m; `make exact` sets it. exactSeed
// has the seed of a run that failed, to send its requests again.
const (
	exactTime = "FH_OLLAMA_EXACT_TIME"
	exactSeed = "FH_OLLAMA_EXACT_SEED"
)

// Random requests to a server whose tokens are checked and to a dense one get the same answers: any sampler and
// temperature, constraints, stops, limits of length and of the context; between them requests that end before their
// answer does, and several at once.
func TestExactRequests(t *testing.T) {
	limit := 12 * time.Second
	if testlevel.IsLong() {
		limit = time.Minute
	}
	limit = exactLimit(t, limit)
	texts := asAny(prompts(t, 12))
	t.Run("own cache", func(t *testing.T) { compareExact(t, converted(t), texts, 1, limit/3) })
	t.Run("8-bit cache", func(t *testing.T) {
		compareExact(t, converted(t), texts, 1, limit/3, "--cache-type-k", "q8_0", "--cache-type-v", "q8_0", "--flash-attn",
			"on")
	})
	t.Run("images", func(t *testing.T) {
		seen := slices.Concat(texts, withPictures(t, texts))
		compareExact(t, converted(t), seen, 1, limit/3, "--mmproj", projector(t, t.TempDir()))
	})
}

// The same with real models and every built-in kind of text: `make exact` runs it, with 200 prompts at least.
func TestExactRequestsOfRealModels(t *testing.T) {
	testlevel.Real(t)
	least := 20
	if os.Getenv(exactTime) != "" {
		least = 200
	}
	for _, model := range []string{"smollm2-135m", "gemma3-270m", "qwen2.5-coder-0.5b"} {
		t.Run(model, func(t *testing.T) {
			compareExact(t, convertReal(t, model), kindPrompts(least), least, exactLimit(t, time.Minute))
		})
	}
}

// exactLimit returns the time that the environment asks for, else usual.
func exactLimit(t *testing.T, usual time.Duration) time.Duration {
	t.Helper()
	s := os.Getenv(exactTime)
	if s == "" {
		return usual
	}
	limit, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return limit
}

// kindPrompts returns n beginnings of passages, of each kind of text in turn.
func kindPrompts(n int) (prompts []any) {
	kinds := sampletext.Kinds()
	for i := range n {
		text := kinds[i%len(kinds)].Text
		at := i / len(kinds) * 500 % len(text)
		prompts = append(prompts, strings.ToValidUTF8(text[at:min(at+60, len(text))], ""))
	}
	return prompts
}

func asAny(texts []string) (all []any) {
	for _, text := range texts {
		all = append(all, text)
	}
	return all
}

const mediaMarker = "<__media__>" // stands for an image in a prompt

// withPictures puts an image before each text.
func withPictures(t *testing.T, texts []any) (prompts []any) {
	for i, text := range texts {
		data := base64.StdEncoding.EncodeToString(picture(t, color.RGBA{R: uint8(20 * i), B: 255, A: 255}))
		prompts = append(prompts, map[string]any{
			"prompt_string": mediaMarker + text.(string), "multimodal_data": []string{data},
		})
	}
	return prompts
}

// compareExact sends the same requests to both servers until the time is up and `least` of them were sent, each with the
// next prompt.
func compareExact(t *testing.T, model string, prompts []any, least int, limit time.Duration, args ...string) {
	h, marker := patched(t), "LLAMA_MEDIA_MARKER="+mediaMarker
	args = append(args, "--model", model, "--ctx-size", "1024", "--parallel", "4",
		"--ubatch-size", "32") // longer prompts take batches without outputs
	dense := startLlama(t, h, args, marker, "FLASHHEAD_ENABLED=0")
	exact := startLlama(t, h, args, marker, checked, "FLASHHEAD_PROBES=64", "FLASHHEAD_STATS=1")
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv(exactSeed); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", exactSeed, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	ends := time.Now().Add(limit)
	requests, tokens := 0, 0
	for (requests < least || time.Now().Before(ends)) && !t.Failed() {
		request := randomRequest(random, prompts[requests%len(prompts)])
		text, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := answerTo(t, exact, request)
		want, drawn := answerTo(t, dense, request)
		sameButRounding(t, string(text), []string{got}, []string{want})
		requests++
		tokens += drawn
		if random.IntN(4) == 0 {
			giveUp(t, exact, randomRequest(random, pick(random, prompts...)), time.Duration(random.IntN(300))*time.Millisecond)
		}
		if random.IntN(8) == 0 {
			var several []map[string]any
			for range 3 {
				several = append(several, randomRequest(random, pick(random, prompts...)))
			}
			together(t, exact, several...)
		}
	}
	if log := exact.Log(); !strings.Contains(log, "proposals were right, in ") {
		t.Errorf("no proposal was checked:\n%s", end(log))
	}
	t.Logf("%d requests, %d tokens", requests, tokens)
}

// answerTo returns the server's answer, or its error, such as that of a grammar that no token can continue; and the number
// of tokens drawn.
func answerTo(t *testing.T, l *harness.Llama, request map[string]any) (string, int) {
	t.Helper()
	var answer drawn
	if err := l.Complete(timeout(t), request, &answer); err != nil {
		return err.Error(), 0
	}
	return answer.String(), answer.Draws
}

// pick returns one of the values.
func pick[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

// randomRequest makes a request to /completion. A server's slots have 256 tokens.
func randomRequest(random *rand.Rand, prompt any) map[string]any {
	request := map[string]any{
		"prompt": prompt, "cache_prompt": false, "return_tokens": true,
		"n_predict": pick(random, 1, 2, 5, 30, 64, 400), "seed": random.IntN(1 << 20),
		"temperature": pick(random, 0, 0, 0.2, 0.8, 1.2, 2), "top_k": pick(random, 0, 1, 5, 40, 40, 200),
		"top_p": pick(random, 1, 0.9, 0.5), "min_p": pick(random, 0, 0.05),
	}
	for _, r := range drawRequests {
		if random.IntN(12) == 0 {
			maps.Copy(request, r.fields)
		}
	}
	for _, fields := range []map[string]any{
		{"ignore_eos": true}, {"backend_sampling": true}, {"n_probs": 1 + random.IntN(10)}, {"post_sampling_probs": true},
		{"stop": []string{pick(random, " the", "e", ".", "\n"), " and"}},
		{"logit_bias": []any{[]any{random.IntN(30000), pick[any](random, 5, -5, false)}}},
		{"grammar": pick(random, `root ::= [a-z ]{3,40} "."`, `root ::= "{" [^}]+ "}"`, `root ::= ("yes" | "no") "."`)},
	} {
		if random.IntN(6) == 0 {
			maps.Copy(request, fields)
		}
	}
	if request["samplers"] != nil { // stock llama-server aborts if top_k follows temperature 0 in the graph
		delete(request, "backend_sampling")
	}
	return request
}

// giveUp sends a request, closes the connection a while after the first token, and waits until the server knows it. Else
// the next request would share its batches, and with them rounding, with this one.
func giveUp(t *testing.T, l *harness.Llama, request map[string]any, after time.Duration) {
	t.Helper()
	stop, err := l.Begin(timeout(t), request)
	if err != nil {
		if !strings.Contains(err.Error(), "grammar") { // that no token can continue
			t.Errorf("a request that was given up: %v", err)
		}
		return
	}
	time.Sleep(after)
	stop()
	if err := l.WaitIdle(timeout(t)); err != nil {
		t.Errorf("after a request that was given up: %v", err)
	}
}

// together sends several requests at once and checks that all are answered. What they answer depends on which tokens
// share a batch, also with the dense head.
func together(t *testing.T, l *harness.Llama, requests ...map[string]any) {
	t.Helper()
	var wait sync.WaitGroup
	for _, request := range requests {
		wait.Go(func() {
			var answer drawn
			if err := l.Complete(timeout(t), request, &answer); err != nil {
				if !strings.Contains(err.Error(), "grammar") { // as above
					t.Error(err)
				}
				return
			}
			if most := request["n_predict"].(int); answer.Draws > most || answer.Stopped == "" {
				t.Errorf("%v was answered by %d tokens, stopped by %q", request, answer.Draws, answer.Stopped)
			}
		})
	}
	wait.Wait()
}
