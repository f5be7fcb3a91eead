package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
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

// FlashHead off, and FlashHead with every cluster probed, give the dense model's text, token by token.
func TestIdentities(t *testing.T) { onHosts(t, identities) }

func identities(t *testing.T, h host) {
	texts := prompts(t, 12)
	o := serve(t, h)
	register(t, o, "dense", trainedModel)
	want := answers(t, o, "dense", texts)
	distinct := map[string]bool{}
	for _, a := range want {
		distinct[a] = true
	}
	if len(distinct) < len(want)*3/4 {
		t.Fatalf("only %d different answers to %d prompts: too few to compare", len(distinct), len(want))
	}
	o.Stop()
	for _, c := range []struct{ setting, says string }{
		{"FLASHHEAD_ENABLED=0", h.off},
		{fmt.Sprintf("FLASHHEAD_PROBES=%d", clusterCount), "flash_head: active"},
	} {
		t.Run(c.setting, func(t *testing.T) {
			o := serve(t, h, c.setting)
			register(t, o, "fast", converted(t))
			same(t, c.setting, answers(t, o, "fast", texts), want)
			if !strings.Contains(o.Log(), c.says) {
				t.Errorf("the log does not say %q", c.says)
			}
		})
	}
}

// With the default probes greedy text is mostly the dense model's. A different token changes everything after it, so
// the test counts the common prefix. TestSameTop is the exact measure.
func TestDefaultMostlyAgrees(t *testing.T) { onHosts(t, defaultMostlyAgrees) }

func defaultMostlyAgrees(t *testing.T, h host) {
	o := serve(t, h)
	register(t, o, "dense", trainedModel)
	register(t, o, "fast", converted(t))
	texts := prompts(t, 12)
	dense, fast := answers(t, o, "dense", texts), answers(t, o, "fast", texts)
	share := shareInCommon(fast, dense)
	t.Logf("FlashHead follows the dense text for %.0f %% of its length", 100*share)
	if share < 0.5 {
		t.Errorf("FlashHead follows the dense text for %.0f %% of its length only", 100*share)
	}
	if !strings.Contains(o.Log(), "flash_head: active") {
		t.Error("FlashHead was not active")
	}
}
