package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// Llama is a running llama-server, for models that Ollama cannot register.
type Llama struct {
	server
	base string // URL
}

// StartLlama runs the prefix's llama-server with args, which name the model, and waits until it answers. Everything
// that it writes lies below dir. env is added to its environment. It has one thread, unless args name more, because
// threads wait long for each other beside other work. Call Stop when done.
func StartLlama(ctx context.Context, prefix Prefix, dir string, args []string, env ...string) (*Llama, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	l := &Llama{base: fmt.Sprintf("http://127.0.0.1:%d", port)}
	cmd := exec.Command(prefix.Lib("llama-server"), append([]string{"--host", "127.0.0.1", "--port", fmt.Sprint(port),
		"--ctx-size", "256", "--parallel", "1", "--threads", "1", "--no-warmup", "--no-webui", "--log-verbosity", "4"},
		append(sameSums(), args...)...)...)
	cmd.Env = append(Environment(dir), env...)
	l.server, err = serve(ctx, cmd, dir, "llama-server.log", func() error {
		return l.call(ctx, http.MethodGet, "/health", nil, nil)
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// sameSums returns the argument that keeps a server on a processor with AMX from laying weights out for it. There a
// dense head would sum floats in another order than FlashHead does, and tests compare tokens, ties too.
func sameSums() []string {
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil && strings.Contains(string(info), "amx_int8") {
		return []string{"--no-repack"}
	}
	return nil
}

// Continuation is an answer of the server.
type Continuation struct {
	Tokens            []int
	PerSecond         float64 // tokens, without prompt processing
	Drafted, Accepted int     // tokens that the draft proposed, and how many of them the model accepted
}

// Complete posts request to /completion and decodes the JSON of the response into answer.
func (l *Llama) Complete(ctx context.Context, request map[string]any, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return l.call(ctx, http.MethodPost, "/completion", bytes.NewReader(body), answer)
}

// Begin posts request to /completion and returns after the first event of the response. stop closes the connection.
func (l *Llama) Begin(ctx context.Context, request map[string]any) (stop func(), err error) {
	request = maps.Clone(request)
	request["stream"] = true
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	response, err := l.do(ctx, http.MethodPost, "/completion", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if _, err := response.Body.Read(make([]byte, 1)); err != nil {
		response.Body.Close()
		return nil, err
	}
	return func() { response.Body.Close() }, nil
}

// WaitIdle waits until no request that has begun is processed.
func (l *Llama) WaitIdle(ctx context.Context) error {
	return l.process.Await(ctx, startTimeout, func() error {
		var slots []struct {
			Processing bool `json:"is_processing"`
		}
		if err := l.call(ctx, http.MethodGet, "/slots", nil, &slots); err != nil {
			return err
		}
		for i, s := range slots {
			if s.Processing {
				return fmt.Errorf("slot %d is busy", i)
			}
		}
		return nil
	})
}

// Greedy continues prompt, a text or token IDs, greedily by n tokens and returns their IDs.
func (l *Llama) Greedy(ctx context.Context, prompt any, n int) ([]int, error) {
	c, err := l.Continue(ctx, prompt, n)
	return c.Tokens, err
}

// Continue is Greedy with the server's timings.
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

// Embedding returns the embedding of a text: one vector, or one for each token, depending on the server's pooling.
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

func (l *Llama) call(ctx context.Context, method, path string, body io.Reader, answer any) error {
	response, err := l.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// do returns a response with status 200, whose body the caller closes.
func (l *Llama) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, l.base+path, body)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body) // as far as it came
		return nil, fmt.Errorf("%s: %s: %s", path, response.Status, text)
	}
	return response, nil
}
