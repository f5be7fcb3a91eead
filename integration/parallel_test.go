package integration

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// Concurrent clients share batches of several rows. Each gets a complete answer.
func TestParallelClients(t *testing.T) { onHosts(t, parallelClients) }

func parallelClients(t *testing.T, h host) {
	o := serve(t, h, "OLLAMA_NUM_PARALLEL=4")
	register(t, o, "fast", converted(t))
	texts := prompts(t, 8)
	got := make([]string, len(texts))
	var wait sync.WaitGroup
	for i, text := range texts {
		wait.Go(func() { got[i] = answers(t, o, "fast", []string{text})[0] })
	}
	wait.Wait()
	for i, answer := range got {
		if !strings.HasPrefix(answer, "64 tokens: ") {
			t.Errorf("prompt %d: %q", i, answer)
		}
	}
}

// Concurrent clients get the same answers as alone, apart from ties: layers that multiply several rows at once may
// round differently, also without FlashHead.
func TestParallelSlots(t *testing.T) {
	testlevel.Long(t)
	onBothHosts(t, parallelSlots)
}

func parallelSlots(t *testing.T, h host) {
	texts := prompts(t, 16)
	for name, c := range map[string]struct{ slots, context, env string }{
		"by retrieval":  {"8", "2048", "FLASHHEAD_MAX_ROWS="}, // the default
		"batches dense": {"4", "1024", "FLASHHEAD_MAX_ROWS=1"},
	} {
		t.Run(name, func(t *testing.T) {
			l := startLlama(t, h, []string{"--model", converted(t), "--parallel", c.slots, "--ctx-size", c.context}, c.env)
			ask := func(text string) []int {
				tokens, err := l.Greedy(timeout(t), text, 48)
				if err != nil {
					t.Error(err)
				}
				return tokens
			}
			alone, together := make([][]int, len(texts)), make([][]int, len(texts))
			for i, text := range texts {
				alone[i] = ask(text)
			}
			var wait sync.WaitGroup
			for i, text := range texts {
				wait.Go(func() { together[i] = ask(text) })
			}
			wait.Wait()
			same := 0
			for i := range texts {
				if len(alone[i]) > 0 && slices.Equal(alone[i], together[i]) {
					same++
				}
			}
			t.Logf("%d of %d answers are the same", same, len(texts))
			if same < len(texts)*3/4 {
				t.Errorf("only %d of %d answers are the same", same, len(texts))
			}
		})
	}
}
