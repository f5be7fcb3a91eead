package integration

import (
	"slices"
	"strings"
	"testing"
)

// Samplers in the model's graph draw from the dense head, because nobody can check their tokens. Requests whose samplers
// run elsewhere use FlashHead in between.
func TestSamplersInTheGraph(t *testing.T) {
	h := patched(t)
	ask := func(t *testing.T, env ...string) (answers []string, log string) {
		l := startLlama(t, h, []string{"--model", converted(t)}, env...)
		defer l.Stop()
		for seed, text := range prompts(t, 4) {
			for _, inGraph := range []bool{true, false} {
				d := draw(t, l, text, seed, map[string]any{"backend_sampling": inGraph, "ignore_eos": true})
				answers = append(answers, d.String())
			}
		}
		return answers, l.Log()
	}
	const rough = "FLASHHEAD_PROBES=1"
	dense, _ := ask(t, "FLASHHEAD_ENABLED=0")
	got, log := ask(t, checked, rough)
	sameButRounding(t, "checked", got, dense)
	for _, line := range []string{"samplers in the model's graph draw from the dense head", "proposals were right, in "} {
		if !strings.Contains(log, line) {
			t.Errorf("the log does not say %q:\n%s", line, end(log))
		}
	}
	if own, _ := ask(t, ownLogits, rough); slices.Equal(own, dense) {
		t.Error("FlashHead's own logits draw the same tokens: the comparison says little")
	}
}
