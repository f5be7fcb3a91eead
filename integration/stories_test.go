package integration

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

const prompt = "The President of the United States"

// TestStories does what users do with a converted model.
func TestStories(t *testing.T) { onBothHosts(t, stories) }

func stories(t *testing.T, h host) {
	o := serve(t, h)
	register(t, o, "fast", converted(t), modelfile.Parameter{Name: "num_predict", Value: "32"})
	for _, story := range []struct {
		name string
		run  func(*testing.T, *harness.Ollama)
	}{
		{"run", storyRun},
		{"stream", storyStream},
		{"chat", storyChat},
		{"options", storyOptions},
		{"sampling", storySampling},
		{"schema", storySchema},
		{"json", storyJSON},
		{"logprobs", storyLogprobs},
		{"unload", storyUnload},
		{"delete", storyDelete},
	} {
		t.Run(story.name, func(t *testing.T) { story.run(t, o) })
	}
	if !strings.Contains(o.Log(), "flash_head: active") {
		t.Error("the stories ran without FlashHead")
	}
}

// `ollama run` prints an answer, and with --verbose its speed.
func storyRun(t *testing.T, o *harness.Ollama) {
	cmd := o.Command(timeout(t), o.Prefix.Bin("ollama"), "run", "--verbose", "--nowordwrap", "fast", prompt)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ollama run: %v\n%s", err, stderr.String())
	}
	if len(strings.TrimSpace(string(out))) == 0 || !strings.Contains(stderr.String(), "eval rate:") {
		t.Errorf("ollama run printed %q and %q", out, stderr.String())
	}
}

// The pieces of a stream make the complete answer.
func storyStream(t *testing.T, o *harness.Ollama) {
	pieces, text := 0, ""
	request := &api.GenerateRequest{
		Model: "fast", Prompt: prompt, Raw: true,
		Options: map[string]any{"temperature": 0, "seed": 1, "num_predict": 24, "num_ctx": 256},
	}
	err := o.Client.Generate(timeout(t), request, func(r api.GenerateResponse) error {
		pieces++
		text += r.Response
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	off := false
	whole := generate(t, o, "fast", prompt, 24, func(r *api.GenerateRequest) { r.Stream = &off })
	if pieces < 10 || text != whole.Response {
		t.Errorf("%d pieces %q, whole %q", pieces, text, whole.Response)
	}
}

func storyChat(t *testing.T, o *harness.Ollama) {
	text := ""
	err := o.Client.Chat(timeout(t), &api.ChatRequest{
		Model: "fast", Messages: []api.Message{{Role: "user", Content: prompt}},
		Options: map[string]any{"temperature": 0, "num_predict": 8, "num_ctx": 256},
	}, func(r api.ChatResponse) error {
		text += r.Message.Content
		return nil
	})
	if err != nil || strings.TrimSpace(text) == "" {
		t.Errorf("chat answered %q, %v", text, err)
	}
}

func storyOptions(t *testing.T, o *harness.Ollama) {
	answer := generate(t, o, "fast", prompt, 7)
	if answer.EvalCount != 7 || answer.DoneReason != "length" {
		t.Errorf("num_predict 7 gave %d tokens, done because of %q", answer.EvalCount, answer.DoneReason)
	}
	full := generate(t, o, "fast", prompt, 32).Response
	words := strings.Fields(full)
	if len(words) < 4 {
		t.Fatalf("answer %q is too short for this test", full)
	}
	stop := words[3]
	cut := generate(t, o, "fast", prompt, 32, func(r *api.GenerateRequest) { r.Options["stop"] = []string{stop} })
	if cut.DoneReason != "stop" || cut.Response != full[:strings.Index(full, stop)] {
		t.Errorf("stop at %q gave %q of %q, done because of %q", stop, cut.Response, full, cut.DoneReason)
	}
	varied := generate(t, o, "fast", prompt, 32, func(r *api.GenerateRequest) { r.Options["repeat_penalty"] = 2.0 })
	if varied.Response == full {
		t.Errorf("a repeat penalty of 2 changes nothing in %q", full)
	}
}

// The same seed gives the same text, another seed another text.
func storySampling(t *testing.T, o *harness.Ollama) {
	sample := func(seed int) string {
		return generate(t, o, "fast", prompt, 32, func(r *api.GenerateRequest) {
			r.Options["temperature"], r.Options["seed"] = 1.0, seed
		}).Response
	}
	first := sample(7)
	if again := sample(7); again != first {
		t.Errorf("seed 7 gave %q, then %q", first, again)
	}
	if other := sample(8); other == first {
		t.Errorf("seeds 7 and 8 both gave %q", first)
	}
}

// Answers conform to a schema.
func storySchema(t *testing.T, o *harness.Ollama) {
	schema := `{"type":"object","properties":{"answer":{"enum":["yes","no"]},"sure":{"type":"boolean"}},` +
		`"required":["answer","sure"]}`
	for _, temperature := range []float64{0, 1} {
		answer := generate(t, o, "fast", prompt, 64, func(r *api.GenerateRequest) {
			r.Format = json.RawMessage(schema)
			r.Options["temperature"] = temperature
		})
		var v struct {
			Answer *string
			Sure   *bool
		}
		if err := json.Unmarshal([]byte(answer.Response), &v); err != nil || v.Answer == nil || v.Sure == nil {
			t.Fatalf("temperature %v: %q is not what the schema asks for: %v", temperature, answer.Response, err)
		}
		if *v.Answer != "yes" && *v.Answer != "no" {
			t.Errorf("temperature %v: answer %q", temperature, *v.Answer)
		}
	}
}

// JSON mode gives JSON. Such a small model may not finish within the context; then the test checks the start.
func storyJSON(t *testing.T, o *harness.Ollama) {
	answer := generate(t, o, "fast", prompt, 200, func(r *api.GenerateRequest) { r.Format = json.RawMessage(`"json"`) })
	if !strings.HasPrefix(strings.TrimSpace(answer.Response), "{") {
		t.Fatalf("JSON mode wrote %q", answer.Response)
	}
	if answer.DoneReason == "stop" {
		if !json.Valid([]byte(answer.Response)) {
			t.Errorf("no JSON: %q", answer.Response)
		}
		return
	}
	var err error
	for d := json.NewDecoder(strings.NewReader(answer.Response)); err == nil; {
		_, err = d.Token()
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("no beginning of JSON: %v in %q", err, answer.Response)
	}
}

// Log-probabilities form a distribution, and greedy decoding takes the best token.
func storyLogprobs(t *testing.T, o *harness.Ollama) {
	answer := generate(t, o, "fast", prompt, 16, func(r *api.GenerateRequest) { r.Logprobs, r.TopLogprobs = true, 20 })
	if len(answer.Logprobs) != 16 {
		t.Fatalf("%d log-probabilities for 16 tokens", len(answer.Logprobs))
	}
	for i, l := range answer.Logprobs {
		if len(l.TopLogprobs) != 20 || l.TopLogprobs[0].Token != l.Token {
			t.Fatalf("token %d is %q, the best are %v", i, l.Token, l.TopLogprobs)
		}
		sum := 0.0
		for j, top := range l.TopLogprobs {
			sum += math.Exp(top.Logprob)
			if math.IsNaN(top.Logprob) || math.IsInf(top.Logprob, 0) || j > 0 && top.Logprob > l.TopLogprobs[j-1].Logprob {
				t.Errorf("token %d: log-probability %d is %v", i, j, top.Logprob)
			}
		}
		if sum > 1.0001 {
			t.Errorf("token %d: the best 20 have probability %v", i, sum)
		}
	}
}

// keep_alive 0 unloads the model; the next request loads it again and gets the same answer.
func storyUnload(t *testing.T, o *harness.Ollama) {
	before := generate(t, o, "fast", prompt, 16).Response
	loads := strings.Count(o.Log(), "flash_head: active")
	generate(t, o, "fast", prompt, 1, func(r *api.GenerateRequest) { r.KeepAlive = &api.Duration{Duration: 0} })
	unloaded(t, o)
	if after := generate(t, o, "fast", prompt, 16).Response; after != before {
		t.Errorf("after loading again %q, before %q", after, before)
	}
	if now := strings.Count(o.Log(), "flash_head: active"); now != loads+1 {
		t.Errorf("FlashHead said %d times that it is active, before unloading %d times", now, loads)
	}
}

func storyDelete(t *testing.T, o *harness.Ollama) {
	if _, err := o.Run(timeout(t), o.Prefix.Bin("ollama"), "rm", "fast"); err != nil {
		t.Fatal(err)
	}
	if exists, err := modelfile.Exists(timeout(t), o.Client, "fast"); err != nil || exists {
		t.Errorf("after ollama rm the model exists: %v, %v", exists, err)
	}
	if out, err := o.Run(timeout(t), o.Prefix.Bin("ollama"), "show", "fast"); err == nil {
		t.Errorf("ollama show shows a model that was removed: %s", out)
	}
}
