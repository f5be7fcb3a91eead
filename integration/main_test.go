// Package integration tests complete builds as users run them: the patched Ollama of `fh-ollama build` with its
// programs, the stock build, and the stock build with the plug-in. Nothing is faked, so all must be built: `make test`
// does it.
package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

const (
	trainedModel = "testdata/fh-demo-12m-q8_0.gguf"
	heldoutText  = "testdata/heldout.txt"
	clusterCount = 2000 // K of the trained model: 32000 tokens in clusters of 16
)

// scratch is a folder for files that tests share; TestMain removes it.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "fh-ollama-integration-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer os.RemoveAll(scratch)
	m.Run()
}

// timeout bounds one test.
func timeout(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// await waits until holds returns true.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > 2*time.Minute {
			t.Fatal("waited in vain: " + what)
		}
	}
}

// serve starts the Ollama of h for one test.
func serve(t *testing.T, h host, env ...string) *harness.Ollama {
	t.Helper()
	return serveIn(t, h, t.TempDir(), env...)
}

// serveIn is serve with models, home and log in dir.
func serveIn(t *testing.T, h host, dir string, env ...string) *harness.Ollama {
	t.Helper()
	o, err := harness.Start(timeout(t), h.Prefix, dir, h.environment(env)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o.Stop()
		if t.Failed() {
			t.Logf("end of the server's log:\n%s", end(o.Log()))
		}
	})
	return o
}

// converted returns the trained model with FlashHead, converted once by the program under test.
func converted(t *testing.T) string {
	t.Helper()
	h := patched(t)
	out := filepath.Join(scratch, "trained-flashhead.gguf")
	if _, err := os.Stat(out); err != nil {
		convertFile(t, h, trainedModel, out)
	}
	return out
}

// ofCodes are the flags of convert that need codes.
var ofCodes = []string{"--calibrate", "--no-calibrate", "--quality", "--target-agreement", "--target-kld"}

// end returns the last part of a log, with all earlier lines by FlashHead.
func end(log string) string {
	lines := strings.SplitAfter(log, "\n")
	cut := max(0, len(lines)-40)
	var out strings.Builder
	for i, line := range lines {
		if i >= cut || strings.Contains(line, "flash_head:") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// convertFile runs `fh-ollama convert in -o out`, with --plain unless flags have one of ofCodes.
func convertFile(t *testing.T, h host, in, out string, flags ...string) {
	t.Helper()
	if !slices.ContainsFunc(flags, func(flag string) bool { return slices.Contains(ofCodes, flag) }) {
		flags = append([]string{"--plain"}, flags...)
	}
	h.run(t, nil, h.Bin("fh-ollama"), append([]string{"convert", in, "-o", out}, flags...)...)
}

// register registers the GGUF file as a model that continues plain text.
func register(t *testing.T, o *harness.Ollama, name, file string, parameters ...modelfile.Parameter) {
	t.Helper()
	err := modelfile.Register(timeout(t), o.Client, name, &modelfile.Modelfile{
		From: []string{file}, Template: modelfile.DefaultTemplate,
		Parameters: append(parameters, modelfile.Parameter{Name: "num_ctx", Value: "256"}),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// options are those of a greedy answer of n tokens at most. One thread does not wait for others, beside other work.
func options(n int) map[string]any {
	return map[string]any{"temperature": 0, "seed": 1, "num_predict": n, "num_ctx": 256, "num_thread": 1}
}

// generate continues prompt greedily by n tokens at most and returns the last part of the answer with the whole text.
func generate(t *testing.T, o *harness.Ollama, model, prompt string, n int,
	change ...func(*api.GenerateRequest)) api.GenerateResponse {
	t.Helper()
	request := &api.GenerateRequest{Model: model, Prompt: prompt, Raw: true, Options: options(n)}
	for _, c := range change {
		c(request)
	}
	var answer api.GenerateResponse
	text := ""
	err := o.Client.Generate(timeout(t), request, func(r api.GenerateResponse) error {
		text += r.Response
		logprobs := append(answer.Logprobs, r.Logprobs...)
		answer = r
		answer.Logprobs = logprobs
		return nil
	})
	if err != nil {
		t.Fatalf("generate with %s: %v", model, err)
	}
	answer.Response = text
	return answer
}
