package integration

import (
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

const prompt = "The President of the United States"

// TestStories does what users do with a converted model. TestSameAsDense has requests of every kind.
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
		{"unload", storyUnload},
		{"delete", storyDelete},
	} {
		t.Run(story.name, func(t *testing.T) { story.run(t, o) })
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

// The pieces of a stream make the complete answer, token by token as they come.
func storyStream(t *testing.T, o *harness.Ollama) {
	off, pieces := false, 0
	whole := generate(t, o, "fast", prompt, 24, func(r *api.GenerateRequest) { r.Stream = &off })
	text := ""
	request := &api.GenerateRequest{Model: "fast", Prompt: prompt, Raw: true, Options: options(24)}
	err := o.Client.Generate(timeout(t), request, func(r api.GenerateResponse) error {
		pieces++
		text += r.Response
		return nil
	})
	if err != nil || pieces < 10 || text != whole.Response {
		t.Errorf("%v, %d pieces %q, whole %q", err, pieces, text, whole.Response)
	}
}

func storyChat(t *testing.T, o *harness.Ollama) {
	text := ""
	err := o.Client.Chat(timeout(t), &api.ChatRequest{
		Model: "fast", Messages: []api.Message{{Role: "user", Content: prompt}}, Options: options(8),
	}, func(r api.ChatResponse) error {
		text += r.Message.Content
		return nil
	})
	if err != nil || strings.TrimSpace(text) == "" {
		t.Errorf("chat answered %q, %v", text, err)
	}
}

// keep_alive 0 unloads the model; the next request loads it again and gets the same answer.
func storyUnload(t *testing.T, o *harness.Ollama) {
	before := generate(t, o, "fast", prompt, 16).Response
	loads := strings.Count(o.Log(), "flash_head: active")
	unload(t, o, "fast")
	if after := generate(t, o, "fast", prompt, 16).Response; after != before {
		t.Errorf("after loading again %q, before %q", after, before)
	}
	if now := strings.Count(o.Log(), "flash_head: active"); loads == 0 || now != loads+1 {
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
}
