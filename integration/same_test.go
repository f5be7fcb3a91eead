package integration

import (
	"fmt"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// A behaviour asks a server for something that users rely on, judges each answer by itself, and returns all of them.
// What it judges has to hold however few clusters are probed, and without FlashHead, too.
type behaviour[Server logging] struct {
	name string
	ask  func(t *testing.T, s Server) []string
	// judges the answers with the default probes by the dense ones; nil: cannot be told
	like func(got, want []string) error
}

// logging is what all servers do.
type logging interface{ Log() string }

// probing are the settings that behaviours are played with. With every cluster probed the logits are the dense ones to
// the last bit, as both take the same products of the same rows, so even drawn tokens and printed log-probabilities
// have to be the same. With one, nearly all tokens have nothing but their cluster's estimate, many the very same: the
// hardest case for whatever picks among tokens that the model does not want.
var probing = []struct{ name, setting string }{
	{everyCluster, fmt.Sprintf("FLASHHEAD_PROBES=%d", clusterCount)},
	{defaultProbes, "FLASHHEAD_PROBES="},
	{"one cluster", "FLASHHEAD_PROBES=1"},
}

const everyCluster, defaultProbes = "every cluster", "default"

// oneThread keeps the servers of several tests from waiting for each other's threads.
var oneThread = modelfile.Parameter{Name: "num_thread", Value: "1"}

// sameAsDense plays behaviours without FlashHead and with all that is probed; start starts a server with a setting.
func sameAsDense[Server logging](t *testing.T, start func(t *testing.T, setting string) Server,
	behaviours []behaviour[Server]) {
	dense := map[string][]string{}
	t.Run("dense", func(t *testing.T) {
		s := start(t, "FLASHHEAD_ENABLED=0")
		for _, b := range behaviours {
			t.Run(b.name, func(t *testing.T) { dense[b.name] = b.ask(t, s) })
		}
		if line := activeLine(s.Log()); line != "" {
			t.Errorf("FlashHead was active: %s", line)
		}
	})
	for _, p := range probing {
		t.Run(p.name, func(t *testing.T) {
			s := start(t, p.setting)
			for _, b := range behaviours {
				t.Run(b.name, func(t *testing.T) {
					got := b.ask(t, s)
					want, asked := dense[b.name]
					switch {
					case !asked:
					case p.name == everyCluster:
						same(t, p.setting, got, want)
					case p.name == defaultProbes:
						t.Logf("%.0f %% of the dense text", 100*shareInCommon(got, want))
						if b.like == nil {
							break
						}
						if err := b.like(got, want); err != nil {
							t.Error(err)
						}
					}
				})
			}
			if activeLine(s.Log()) == "" {
				t.Error("FlashHead was not active")
			}
		})
	}
}

// mostly judges texts by the share that they follow the dense ones; one other token changes all that follow.
func mostly(got, want []string) error {
	const least = 0.2 // drawn texts part early; where, depends on how a processor rounds
	if share := shareInCommon(got, want); share < least {
		return fmt.Errorf("only %.0f %% of the dense text", 100*share)
	}
	return nil
}

// What Ollama's requests can ask for.
func TestSameAsDense(t *testing.T) {
	h := patched(t)
	start := func(t *testing.T, setting string) *harness.Ollama {
		o := serve(t, h, setting)
		register(t, o, "fast", converted(t), oneThread)
		registerTools(t, o, "tools", converted(t))
		return o
	}
	sameAsDense(t, start, []behaviour[*harness.Ollama]{
		{"JSON mode", jsonMode, asManyEnd},
		{"JSON schema", jsonSchema, nil},
		{"log-probabilities", logProbabilities, nil},
		{"penalties", penalties, mostly},
		{"stop words", stopWords, mostly},
		{"seeds", seeds, mostly},
		{"context shift", contextShift, nil},
		{"tool calls", toolCalls, mostly},
	})
}

// What only llama-server's requests can ask for.
func TestSameAsDenseInLlamaServer(t *testing.T) {
	testlevel.Long(t)
	h := patched(t)
	start := func(t *testing.T, setting string) *harness.Llama {
		return startLlama(t, h, []string{"--model", converted(t), "--threads", "1"}, setting)
	}
	sameAsDense(t, start, []behaviour[*harness.Llama]{
		{"grammars", grammars, nil},
		{"logit bias", logitBias, mostly},
	})
}

// shareInCommon is the part of the texts want that others begin with, too.
func shareInCommon(got, want []string) float64 {
	common, all := 0, 0
	for i := range min(len(got), len(want)) {
		n := 0
		for n < min(len(got[i]), len(want[i])) && got[i][n] == want[i][n] {
			n++
		}
		common, all = common+n, all+len(want[i])
	}
	return float64(common) / float64(max(all, 1))
}
