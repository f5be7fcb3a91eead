package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// answerTokens plus a prompt fit into the model's 256 tokens of context.
const answerTokens = 64

// prompts cuts n pieces of about 40 words out of the held-out text, evenly spread.
func prompts(t *testing.T, n int) []string {
	t.Helper()
	text, err := os.ReadFile(heldoutText)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(text))
	var out []string
	for i := range n {
		at := i * len(words) / n
		out = append(out, strings.Join(words[at:at+40], " "))
	}
	return out
}

// answers continues every prompt greedily.
func answers(t *testing.T, o *harness.Ollama, model string, prompts []string) []string {
	t.Helper()
	var out []string
	for _, p := range prompts {
		a := generate(t, o, model, p, answerTokens)
		out = append(out, fmt.Sprintf("%d tokens: %s", a.EvalCount, a.Response))
	}
	return out
}

// same reports the first difference.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d answers, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: prompt %d\n got %q\nwant %q", what, i, got[i], want[i])
			return
		}
	}
}

// continuations continues the prompts, texts or token IDs, greedily by 48 tokens each on its own llama-server, and
// returns them with the log.
func continuations[P any](t *testing.T, h host, model string, args []string, prompts []P,
	env ...string) ([][]int, string) {
	t.Helper()
	l := startLlama(t, h, append([]string{"--model", model}, args...), env...)
	var all [][]int
	for _, prompt := range prompts {
		tokens, err := l.Greedy(timeout(t), prompt, 48)
		if err != nil {
			t.Fatalf("%v\n%s", err, end(l.Log()))
		}
		all = append(all, tokens)
	}
	l.Stop() // which unloads the model
	return all, l.Log()
}

// sameTokens reports the first text with another continuation.
func sameTokens(t *testing.T, what string, got, want [][]int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d continuations, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("%s: text %d\n got %v\nwant %v", what, i, got[i], want[i])
			return
		}
	}
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

// What is not FlashHead's own choice is the stock build's, token by token: of models without a map, of FlashHead turned
// off, and of every cluster probed. A converted file runs in the stock build.
func TestIdentities(t *testing.T) {
	const off = "FLASHHEAD_ENABLED=0"
	every := fmt.Sprintf("FLASHHEAD_PROBES=%d", clusterCount)
	texts := prompts(t, 12)
	want, _ := continuations(t, stock(t), trainedModel, nil, texts)
	distinct := map[string]bool{}
	for _, tokens := range want {
		distinct[fmt.Sprint(tokens)] = true
	}
	if len(distinct) < len(want)*3/4 {
		t.Fatalf("only %d different answers to %d prompts: too few to compare", len(distinct), len(want))
	}
	for _, c := range []struct {
		name           string
		host           host
		model, setting string
		says           string // of FlashHead, once; "" for nothing
	}{
		{"stock, converted", stock(t), converted(t), "", ""},
		{"patched, dense model", patched(t), trainedModel, "", noKeys},
		{"patched, off", patched(t), converted(t), off, patched(t).off},
		{"patched, every cluster", patched(t), converted(t), every, "flash_head: active"},
		{"plugin, dense model", plugin(t), trainedModel, "", noKeys},
		{"plugin, off", plugin(t), converted(t), off, plugin(t).off},
		{"plugin, every cluster", plugin(t), converted(t), every, "flash_head: active"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var threads []string
			if c.setting == every { // FlashHead's sums do not depend on them
				threads = []string{"--threads", "2"}
			}
			got, log := continuations(t, c.host, c.model, threads, texts, c.setting)
			sameTokens(t, c.name, got, want)
			if c.says == "" && strings.Contains(log, "flash_head:") || c.says != "" && strings.Count(log, c.says) != 1 {
				t.Errorf("the log does not say %q once:\n%s", c.says, end(log))
			}
			if c.setting != every && (activeLine(log) != "" || strings.Contains(log, "CPU_FlashHead model buffer")) {
				t.Errorf("FlashHead took the head:\n%s", end(log))
			}
		})
	}
}

// At the same number of probes the plug-in and the patched runtime choose the same tokens. A patched runtime ignores the
// plug-in.
func TestHostsAgree(t *testing.T) {
	texts := prompts(t, 8)
	dense, _ := continuations(t, stock(t), converted(t), nil, texts)
	both := withPlugin(patched(t), plugin(t).library())
	for _, probes := range []string{"250", "20", "1"} {
		t.Run(probes, func(t *testing.T) {
			setting := "FLASHHEAD_PROBES=" + probes
			want, log := continuations(t, patched(t), converted(t), nil, texts, setting)
			if activeLine(log) == "" {
				t.Error("the patched runtime was not active")
			}
			got, _ := continuations(t, plugin(t), converted(t), nil, texts, setting)
			sameTokens(t, "the plug-in", got, want)
			if probes != "250" {
				if slices.EqualFunc(want, dense, slices.Equal) {
					t.Error("so few probes choose the dense tokens: the comparison says little")
				}
				return
			}
			got, log = continuations(t, both, converted(t), nil, texts, setting)
			sameTokens(t, "both", got, want)
			const rests = "flash_head: the plug-in rests: this runtime has FlashHead of its own"
			if strings.Count(log, "flash_head: active") != 1 || strings.Contains(log, "CPU_FlashHead") ||
				!strings.Contains(log, rests) {
				t.Errorf("the plug-in does not rest:\n%s", end(log))
			}
		})
	}
}

// The plug-in's rows are the same in every load mode.
func TestPluginLoadModes(t *testing.T) {
	testlevel.Long(t)
	texts := prompts(t, 3)
	want, _ := continuations(t, plugin(t), converted(t), []string{"--load-mode", "mmap"}, texts)
	got, log := continuations(t, plugin(t), converted(t), []string{"--load-mode", "none"}, texts)
	sameTokens(t, "without a memory map", got, want)
	if activeLine(log) == "" {
		t.Errorf("not active without a memory map:\n%s", end(log))
	}
}

// The plug-in's tool, which has no own ggml, makes the same file as the patched build's.
func TestPluginConverts(t *testing.T) {
	out := t.TempDir() + "/converted.gguf"
	convertFile(t, plugin(t), trainedModel, out)
	if digest(t, out) != digest(t, converted(t)) {
		t.Error("the plug-in's tool makes another file than the patched build's")
	}
}
