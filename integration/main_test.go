// Package integration tests the whole thing as users meet it: the patched Ollama of `fh-ollama build`, its programs and
// the stock build beside it. Nothing is replaced by a stand-in, so both builds must exist: `make test` makes them.
package integration

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// scratch is a folder for what several tests share; TestMain removes it.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "fh-ollama-integration-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}

// patched is the build under test.
func patched(t *testing.T) harness.Prefix {
	return prefix(t, "FH_OLLAMA_DIST", "../dist", "fh-ollama build", "fh-ollama", "llama-flashhead")
}

// stock is the same Ollama without the patches.
func stock(t *testing.T) harness.Prefix {
	return prefix(t, "FH_OLLAMA_STOCK", "../dist-stock", "fh-ollama build --stock", "", "")
}

func prefix(t *testing.T, variable, standard, command, bin, lib string) harness.Prefix {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a whole build; not with -short")
	}
	dir := standard
	if v := os.Getenv(variable); v != "" {
		dir = v
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := harness.Prefix(abs)
	err = p.Check()
	if err == nil && bin != "" {
		_, err = os.Stat(p.Bin(bin))
	}
	if err == nil && lib != "" {
		_, err = os.Stat(p.Lib(lib))
	}
	if err != nil {
		t.Fatalf("%v\n  make it with `%s`, or let `make test` do it; %s names another folder", err, command, variable)
	}
	return p
}

// timeout bounds one test.
func timeout(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// serve starts the Ollama of prefix for one test.
func serve(t *testing.T, p harness.Prefix, env ...string) *harness.Ollama {
	t.Helper()
	o, err := harness.Start(timeout(t), p, t.TempDir(), env...)
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

// converted is the trained model with FlashHead, made once by the program under test.
func converted(t *testing.T) string {
	t.Helper()
	p := patched(t)
	out := filepath.Join(scratch, "trained-flashhead.gguf")
	if _, err := os.Stat(out); err != nil {
		convertFile(t, p, trainedModel, out)
	}
	return out
}

// end is the last part of a log, with the lines of FlashHead that come before it.
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

// convertFile runs `fh-ollama convert in -o out`.
func convertFile(t *testing.T, p harness.Prefix, in, out string, flags ...string) {
	t.Helper()
	args := append([]string{"convert", in, "-o", out}, flags...)
	cmd := exec.CommandContext(timeout(t), p.Bin("fh-ollama"), args...)
	cmd.Env = append(harness.Environment(scratch), "TMPDIR="+scratch)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("fh-ollama convert: %v\n%s", err, text)
	}
}

// register makes the GGUF file a model that continues plain text.
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

// generate continues prompt greedily by n tokens at most and returns the last part of the answer with the whole text.
func generate(t *testing.T, o *harness.Ollama, model, prompt string, n int, change ...func(*api.GenerateRequest)) api.GenerateResponse {
	t.Helper()
	request := &api.GenerateRequest{
		Model: model, Prompt: prompt, Raw: true,
		Options: map[string]any{"temperature": 0, "seed": 1, "num_predict": n, "num_ctx": 256},
	}
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
