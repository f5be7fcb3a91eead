package integration

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// A behaviour sends a server requests for something that users rely on, checks each answer, and returns all of them.
// Its checks must hold for any number of probed clusters, and without FlashHead.
type behaviour[Server logging] struct {
	name string
	ask  func(t *testing.T, s Server) []string
	// compares the answers with default probes with the dense ones; nil for no comparison
	like func(got, want []string) error
}

// logging is common to all servers.
type logging interface{ Log() string }

// ways are the settings for behaviours. Every cluster probed must give the dense answers, even drawn tokens, because both
// are the same products, but for the order of sums where the processor has AMX. So must proposals that the dense head
// checks, even wrong ones. With one probed cluster nearly all tokens have their cluster's score, with many ties: the
// hardest case for samplers that choose improbable tokens. `make test` runs the first two ways.
var ways = []struct {
	name string
	host func(t *testing.T) host
	env  []string
	same bool // as the dense answers, but for rounding
}{
	{"checked", patched, []string{checked}, true},
	{defaultProbes, plugin, nil, false},
	{"every cluster", patched, []string{fmt.Sprintf("FLASHHEAD_PROBES=%d", clusterCount)}, true},
	{"every cluster, plug-in", plugin, []string{fmt.Sprintf("FLASHHEAD_PROBES=%d", clusterCount)}, true},
	{"one cluster", patched, []string{"FLASHHEAD_PROBES=1"}, false},
	{"checked, resting", patched, []string{checked, "FLASHHEAD_TEST_SPOIL=1"}, true},
	{"checked, one cluster", patched, []string{"FLASHHEAD_EXACT=5", "FLASHHEAD_PROBES=1"}, true},
	{"checked, every proposal wrong", patched, []string{"FLASHHEAD_EXACT=4", "FLASHHEAD_TEST_SPOIL=1"}, true},
	{"checked, every third proposal wrong", patched, []string{"FLASHHEAD_EXACT=8", "FLASHHEAD_TEST_SPOIL=3"}, true},
	{"checked, every 17th proposal wrong", patched, []string{"FLASHHEAD_EXACT=32", "FLASHHEAD_TEST_SPOIL=17"}, true},
}

var decimals = regexp.MustCompile(`-?\d+\.\d+(e-\d+)?`)

// sameButRounding compares answers whose decimal numbers may differ by 1e-4.
func sameButRounding(t *testing.T, what string, got, want []string) {
	t.Helper()
	texts := func(answers []string) (all []string) {
		for _, a := range answers {
			all = append(all, decimals.ReplaceAllString(a, "#"))
		}
		return all
	}
	same(t, what, texts(got), texts(want))
	for i := range min(len(got), len(want)) {
		a, b := decimals.FindAllString(got[i], -1), decimals.FindAllString(want[i], -1)
		for k := range min(len(a), len(b)) {
			x, _ := strconv.ParseFloat(a[k], 64) // decimals matches nothing else
			y, _ := strconv.ParseFloat(b[k], 64)
			if math.Abs(x-y) > 1e-4 {
				t.Errorf("%s: answer %d has %s, the dense one %s", what, i, a[k], b[k])
			}
		}
	}
}

const defaultProbes = "default, plug-in"

// sameAsDense runs behaviours without FlashHead and in all ways. start starts a server.
func sameAsDense[Server logging](t *testing.T, start func(t *testing.T, h host, env ...string) Server,
	behaviours []behaviour[Server]) {
	dense := map[string][]string{}
	t.Run("dense", func(t *testing.T) {
		s := start(t, patched(t), "FLASHHEAD_ENABLED=0")
		for _, b := range behaviours {
			t.Run(b.name, func(t *testing.T) { dense[b.name] = b.ask(t, s) })
		}
		if line := activeLine(s.Log()); line != "" {
			t.Errorf("FlashHead was active: %s", line)
		}
	})
	run := ways
	if !testlevel.IsLong() {
		run = ways[:2]
	}
	for _, w := range run {
		t.Run(w.name, func(t *testing.T) {
			s := start(t, w.host(t), w.env...)
			for _, b := range behaviours {
				t.Run(b.name, func(t *testing.T) {
					got := b.ask(t, s)
					want, asked := dense[b.name]
					if !asked {
						return
					}
					if w.same {
						sameButRounding(t, w.name, got, want)
					} else if w.name == defaultProbes && b.like != nil {
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

// mostly checks the share of common prefixes with the dense texts, because a different token changes everything after
// it.
func mostly(got, want []string) error {
	const least = 0.2 // drawn texts diverge early; where depends on rounding
	if share := shareInCommon(got, want); share < least {
		return fmt.Errorf("only %.0f %% of the dense text", 100*share)
	}
	return nil
}

// Features of Ollama's requests.
func TestSameAsDense(t *testing.T) {
	start := func(t *testing.T, h host, env ...string) *harness.Ollama {
		o := serve(t, h, env...)
		register(t, o, "fast", converted(t))
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

// Features of llama-server's requests only.
func TestSameAsDenseInLlamaServer(t *testing.T) {
	testlevel.Long(t)
	start := func(t *testing.T, h host, env ...string) *harness.Llama {
		return startLlama(t, h, []string{"--model", converted(t)}, env...)
	}
	sameAsDense(t, start, []behaviour[*harness.Llama]{
		{"grammars", grammars, nil},
		{"logit bias", logitBias, mostly},
	})
}

// shareInCommon returns the share of want that is a common prefix.
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
