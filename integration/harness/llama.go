package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Llama is a running llama-server, for models that are too odd for Ollama to register.
type Llama struct {
	process *process.Process
	base    string
	log     string
}

// StartLlama runs the prefix's llama-server with args, which name the model, with everything it writes below dir and
// env added to its environment. Call Stop when done.
func StartLlama(ctx context.Context, prefix Prefix, dir string, args []string, env ...string) (*Llama, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	if err := makeFolders(dir); err != nil {
		return nil, err
	}
	l := &Llama{base: fmt.Sprintf("http://127.0.0.1:%d", port), log: filepath.Join(dir, "llama-server.log")}
	cmd := exec.Command(prefix.Lib("llama-server"), append([]string{"--host", "127.0.0.1", "--port", fmt.Sprint(port),
		"--ctx-size", "256", "--parallel", "1", "--threads", "2", "--no-warmup", "--no-webui", "--log-verbosity", "4"}, args...)...)
	cmd.Env = append(Environment(dir), env...)
	if l.process, err = start(cmd, l.log); err != nil {
		return nil, err
	}
	if err := l.process.Await(ctx, startTimeout, func() error { return l.get(ctx, "/health") }); err != nil {
		l.Stop()
		return nil, fmt.Errorf("llama-server: %w\n%s", err, l.Log())
	}
	return l, nil
}

// Stop ends the server.
func (l *Llama) Stop() { l.process.Stop() }

// Log is what the server has logged so far.
func (l *Llama) Log() string {
	b, _ := os.ReadFile(l.log)
	return string(b)
}

// Continuation is what the server wrote, and how.
type Continuation struct {
	Tokens            []int
	PerSecond         float64 // tokens, without the time for the prompt
	Drafted, Accepted int     // tokens that a draft proposed, and those of them that the model would have written, too
}

// Complete asks for a completion with the fields of request, and reads the answer into answer.
func (l *Llama) Complete(ctx context.Context, request map[string]any, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return l.call(ctx, http.MethodPost, "/completion", bytes.NewReader(body), answer)
}

// Greedy continues prompt, a text or token ids, by n tokens, always the likeliest, and returns their ids.
func (l *Llama) Greedy(ctx context.Context, prompt any, n int) ([]int, error) {
	c, err := l.Continue(ctx, prompt, n)
	return c.Tokens, err
}

// Continue is Greedy with all that the server tells.
func (l *Llama) Continue(ctx context.Context, prompt any, n int) (Continuation, error) {
	request := map[string]any{
		"prompt": prompt, "n_predict": n, "temperature": 0, "seed": 1, "cache_prompt": false,
		"return_tokens": true, "ignore_eos": false, "samplers": []string{"temperature"},
	}
	var answer struct {
		Tokens  []int `json:"tokens"`
		Timings struct {
			PerSecond float64 `json:"predicted_per_second"`
			Drafted   int     `json:"draft_n"`
			Accepted  int     `json:"draft_n_accepted"`
		} `json:"timings"`
	}
	err := l.Complete(ctx, request, &answer)
	return Continuation{answer.Tokens, answer.Timings.PerSecond, answer.Timings.Drafted, answer.Timings.Accepted}, err
}

// Embedding returns the model's vectors of a text: one for the whole, or one a token, as the server's pooling has it.
func (l *Llama) Embedding(ctx context.Context, text string) ([][]float32, error) {
	request, err := json.Marshal(map[string]any{"content": text})
	if err != nil {
		return nil, err
	}
	var answer []struct {
		Embedding [][]float32 `json:"embedding"`
	}
	if err := l.call(ctx, http.MethodPost, "/embedding", bytes.NewReader(request), &answer); err != nil {
		return nil, err
	}
	if len(answer) != 1 {
		return nil, fmt.Errorf("%d embeddings of one text", len(answer))
	}
	return answer[0].Embedding, nil
}

// PID is the server's process.
func (l *Llama) PID() int { return l.process.PID() }

func (l *Llama) get(ctx context.Context, path string) error {
	return l.call(ctx, http.MethodGet, path, nil, nil)
}

func (l *Llama) call(ctx context.Context, method, path string, body io.Reader, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, l.base+path, body)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
