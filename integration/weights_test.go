package integration

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// llama-quantize works on a converted file and keeps its clusters. llama.cpp repacks weights of some types, so that
// single rows cannot be read. The head must be in a plain buffer, and with every cluster probed it must choose the
// tokens of a dense head that is not repacked.
func TestQuantizedHeads(t *testing.T) {
	onHosts(t, quantizedHeads)
}

func quantizedHeads(t *testing.T, h host) {
	model := converted(t)
	for _, weights := range testlevel.Some("Q4_0", "Q4_K", "Q6_K", "IQ4_NL", "F16") {
		t.Run(weights, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "quantized.gguf")
			quantize(t, h, model, file, weights)
			dense := greedyTokens(t, h, file, "FLASHHEAD_ENABLED=0", "LLAMA_ARG_REPACK=0")
			fast := greedyTokens(t, h, file, "FLASHHEAD_PROBES=2000")
			if !slices.Equal(dense, fast) {
				t.Errorf("with every cluster probed\n got %v\nwant %v", fast, dense)
			}
		})
	}
}

// quantize copies a model with another type of head.
func quantize(t *testing.T, h host, from, to, headType string) {
	t.Helper()
	cmd := exec.CommandContext(timeout(t), h.Lib("llama-quantize"), "--allow-requantize",
		"--token-embedding-type", headType, from, to, "Q8_0")
	cmd.Env = harness.Environment(scratch)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("llama-quantize: %v\n%s", err, text)
	}
}

// greedyTokens continues two short prompts on its own llama-server. FlashHead must be active unless env turns it off.
func greedyTokens(t *testing.T, h host, model string, env ...string) []int {
	t.Helper()
	l := startLlama(t, h, []string{"--model", model}, env...)
	var all []int
	for _, prompt := range [][]int{{0, 500, 1000, 1500}, {0, 2000, 300, 40, 5000}} {
		tokens, err := l.Greedy(timeout(t), prompt, 48)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tokens...)
	}
	state := "flash_head: active"
	if slices.Contains(env, "FLASHHEAD_ENABLED=0") {
		state = h.off
	}
	if !strings.Contains(l.Log(), state) {
		t.Fatalf("the log does not say %q:\n%s", state, end(l.Log()))
	}
	return all
}

// startLlama runs a llama-server for one test.
func startLlama(t *testing.T, h host, args []string, env ...string) *harness.Llama {
	t.Helper()
	l, err := harness.StartLlama(timeout(t), h.Prefix, t.TempDir(), args, h.environment(env)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	return l
}
