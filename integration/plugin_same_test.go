package integration

import (
	"slices"
	"strings"
	"testing"
)

// continuations continues the texts greedily by 48 tokens each on its own llama-server, and returns them with the log.
func continuations(t *testing.T, h host, args, texts []string, env ...string) ([][]int, string) {
	t.Helper()
	l := startLlama(t, h, args, env...)
	defer l.Stop()
	var all [][]int
	for _, text := range texts {
		tokens, err := l.Greedy(timeout(t), text, 48)
		if err != nil {
			t.Fatalf("%v\n%s", err, end(l.Log()))
		}
		all = append(all, tokens)
	}
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

// At the same number of probes the plug-in and the patched runtime choose the same tokens.
func TestHostsAgree(t *testing.T) {
	args, texts := []string{"--model", converted(t)}, prompts(t, 8)
	dense, _ := continuations(t, stock(t), args, texts)
	for _, probes := range []string{"FLASHHEAD_PROBES=250", "FLASHHEAD_PROBES=20", "FLASHHEAD_PROBES=1"} {
		t.Run(probes, func(t *testing.T) {
			want, log := continuations(t, patched(t), args, texts, probes)
			got, _ := continuations(t, plugin(t), args, texts, probes)
			if !strings.Contains(log, "flash_head: active") {
				t.Error("the patched runtime was not active")
			}
			sameTokens(t, "the plug-in", got, want)
			if probes != "FLASHHEAD_PROBES=250" && slices.EqualFunc(want, dense, slices.Equal) {
				t.Error("so few probes choose the dense tokens: the comparison says little")
			}
		})
	}
}
