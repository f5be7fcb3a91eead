package integration

import (
	"path/filepath"
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
			everyClusterIsDense(t, h, file)
		})
	}
}

// everyClusterIsDense checks that a converted model of K = clusterCount gives the dense head's tokens with every cluster
// probed.
func everyClusterIsDense(t *testing.T, h host, file string) {
	t.Helper()
	dense, log := continuations(t, h, file, nil, prompts(t, 2), "FLASHHEAD_ENABLED=0", "LLAMA_ARG_REPACK=0")
	if !strings.Contains(log, h.off) {
		t.Errorf("the log does not say %q:\n%s", h.off, end(log))
	}
	fast, log := continuations(t, h, file, nil, prompts(t, 2), "FLASHHEAD_PROBES=2000")
	sameTokens(t, "every cluster", fast, dense)
	if activeLine(log) == "" {
		t.Errorf("not active:\n%s", end(log))
	}
}

// A head that is also the token embeddings may stay where stock llama.cpp has it, repacked for a product of its own:
// FlashHead reads the rows of the embeddings. Dense steps and checks are then the stock head's own product.
func TestRepackedHeads(t *testing.T) {
	testlevel.Long(t)
	for _, weights := range []string{"Q4_0", "Q4_K", "IQ4_NL"} {
		t.Run(weights, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "quantized.gguf")
			quantize(t, patched(t), converted(t), file, weights)
			start := func(env ...string) (l *harness.Llama, isRepacked bool) {
				l = startLlama(t, patched(t), []string{"--model", file, "--repack"}, env...)
				return l, strings.Contains(l.Log(), "CPU_REPACK model buffer size")
			}
			ask := func(env ...string) []string {
				l, isRepacked := start(env...)
				if !isRepacked || activeLine(l.Log()) == "" {
					t.Errorf("%v: repacked: %t; FlashHead: %q", env, isRepacked, activeLine(l.Log()))
				}
				return append(grammars(t, l), logitBias(t, l)...)
			}
			l, isRepacked := start("FLASHHEAD_ENABLED=0")
			if !isRepacked {
				t.Skip("this processor has no layout of its own for the type")
			}
			if line := activeLine(l.Log()); line != "" {
				t.Errorf("FlashHead was active: %s", line)
			}
			dense := append(grammars(t, l), logitBias(t, l)...)
			sameButRounding(t, "windows of any length", ask(checked), dense)
			sameButRounding(t, "every third proposal wrong", ask("FLASHHEAD_EXACT=8", "FLASHHEAD_TEST_SPOIL=3"), dense)
		})
	}
}

// quantize copies a model with another type of head.
func quantize(t *testing.T, h host, from, to, headType string) {
	t.Helper()
	h.run(t, nil, h.Lib("llama-quantize"), "--allow-requantize", "--token-embedding-type", headType, from, to, "Q8_0")
}
