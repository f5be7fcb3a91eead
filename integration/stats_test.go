package integration

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// statistics is a line that the runtime logs with FLASHHEAD_STATS=1.
type statistics struct {
	steps, denseSteps, rows, denseRows int
	scored                             float64 // tokens scored exactly per FlashHead row; 0 if there was none
}

var statisticsLine = regexp.MustCompile(`flash_head: statistics of (?:token_embd|output)\.weight( for drafts)?: ` +
	`steps (\d+), of them dense (\d+) \([0-9.]+ %\); rows (\d+), of them dense (\d+) \([0-9.]+ %\)` +
	`(?:; in each other row ([0-9.]+) of \d+ tokens scored exactly)?`)

// lastStatistics returns the last statistics in a log that are not a draft's; zeros if there are none.
func lastStatistics(log string) statistics { return lastStatisticsOf(log, "") }

// lastDraftStatistics returns the last statistics of a draft.
func lastDraftStatistics(log string) statistics { return lastStatisticsOf(log, " for drafts") }

func lastStatisticsOf(log, use string) (s statistics) {
	for _, line := range statisticsLine.FindAllStringSubmatch(log, -1) {
		if line[1] != use {
			continue
		}
		for i, n := range []*int{&s.steps, &s.denseSteps, &s.rows, &s.denseRows} {
			*n, _ = strconv.Atoi(line[i+2])
		}
		s.scored, _ = strconv.ParseFloat(line[6], 64)
	}
	return s
}

// stepsAtLoad is the number of llama-server's own steps after loading a model, without a warm-up.
const stepsAtLoad = 1

// With FLASHHEAD_STATS=1 the log has statistics: each token is a step, and the scored tokens are those of the probed
// clusters and the pinned ones.
func TestStatistics(t *testing.T) { onBothHosts(t, statisticsOfServer) }

func statisticsOfServer(t *testing.T, h host) {
	model := converted(t)
	run := func(t *testing.T, n int, env ...string) (tokens int, log string) {
		l := startLlama(t, h, []string{"--model", model}, env...)
		answer, err := l.Greedy(timeout(t), []int{0, 500, 1000, 2000, 44}, n)
		if err != nil {
			t.Fatal(err)
		}
		l.Stop() // which unloads the model
		return len(answer), l.Log()
	}
	t.Run("on", func(t *testing.T) {
		tokens, log := run(t, 21, "FLASHHEAD_STATS=1", "FLASHHEAD_PROBES=50")
		got := lastStatistics(log)
		if steps := stepsAtLoad + tokens; got.steps != steps || got.rows != steps || got.denseSteps != 0 ||
			got.denseRows != 0 {
			t.Errorf("%d tokens: %+v\n%s", tokens, got, end(log))
		}
		const least, pinned = 50 * 16, 3
		if got.scored < least || got.scored > least+pinned {
			t.Errorf("%.1f tokens are scored in a row, not %d to %d", got.scored, least, least+pinned)
		}
	})
	t.Run("every cluster", func(t *testing.T) {
		_, log := run(t, 3, "FLASHHEAD_STATS=1", "FLASHHEAD_PROBES=2000")
		if got := lastStatistics(log); got.scored != 32000 {
			t.Errorf("all clusters are probed, but %+v\n%s", got, end(log))
		}
	})
	t.Run("off", func(t *testing.T) {
		if _, log := run(t, 3); strings.Contains(log, "statistics of") {
			t.Errorf("nobody asked for statistics:\n%s", end(log))
		}
	})
}

// Batches of more rows than FLASHHEAD_MAX_ROWS count as dense.
func TestStatisticsOfLargeBatches(t *testing.T) {
	testlevel.Long(t)
	onBothHosts(t, statisticsOfLargeBatches)
}

func statisticsOfLargeBatches(t *testing.T, h host) {
	text := filepath.Join(t.TempDir(), "text")
	sample(t, text)
	evaluate := func(env string) statistics {
		return lastStatistics(perplexity(t, h, []string{"FLASHHEAD_STATS=1", env},
			"-m", converted(t), "-f", text, "--chunks", "4", "--log-verbosity", "4"))
	}
	// half of each chunk's rows reach the head, plus those of a warm-up
	const rows = 4 * 128
	limited, unlimited := evaluate("FLASHHEAD_MAX_ROWS=8"), evaluate("FLASHHEAD_MAX_ROWS=0")
	if limited.denseRows < rows || limited.denseSteps == 0 || limited.denseSteps == limited.steps {
		t.Errorf("with a limit of rows: %+v", limited)
	}
	if unlimited.denseRows != 0 || unlimited.denseSteps != 0 || unlimited.rows != limited.rows ||
		unlimited.steps != limited.steps {
		t.Errorf("without a limit of rows: %+v; with one %+v", unlimited, limited)
	}
}

// All steps with an adapter that changes the head count as dense.
func TestStatisticsWithAdapter(t *testing.T) {
	testlevel.Long(t)
	onBothHosts(t, statisticsWithAdapter)
}

func statisticsWithAdapter(t *testing.T, h host) {
	dir := t.TempDir()
	model := tiny{name: "llama-lora", arch: "llama", headType: gguftest.TypeF32, untied: true}.write(t, dir)
	fast, adapter := filepath.Join(dir, "converted.gguf"), filepath.Join(dir, "adapter.gguf")
	convertFile(t, h, model, fast)
	writeAdapter(t, adapter)
	l := startLlama(t, h, []string{"--model", fast, "--lora", adapter}, "FLASHHEAD_STATS=1")
	tokens, err := l.Greedy(timeout(t), []int{0, 17, 1200}, 9)
	if err != nil {
		t.Fatal(err)
	}
	l.Stop()
	// steps at load may run before the adapter is added
	if got := lastStatistics(l.Log()); got.steps != stepsAtLoad+len(tokens) || got.denseSteps < len(tokens) {
		t.Errorf("%d tokens: %+v\n%s", len(tokens), got, end(l.Log()))
	}
}

// Ollama kills its runners, so the statistics must be logged earlier: after a pause, and after the first steps.
func TestStatisticsInOllama(t *testing.T) { onHosts(t, statisticsInOllama) }

func statisticsInOllama(t *testing.T, h host) {
	o := serve(t, h, "FLASHHEAD_STATS=1")
	register(t, o, "demo", converted(t))
	answer := func(prompt string, keep time.Duration) int {
		a := generate(t, o, "demo", prompt, 19, func(r *api.GenerateRequest) { r.KeepAlive = &api.Duration{Duration: keep} })
		return a.EvalCount
	}
	before := statisticsAfter(t, o, stepsAtLoad+answer("We, the people,", 10*time.Minute))
	n := answer("Once upon a time", 10*time.Minute)
	after := statisticsAfter(t, o, before.steps+n)
	if after.steps-before.steps != n {
		t.Errorf("%d tokens were generated; before %+v, after %+v", n, before, after)
	}

	// A runner that is killed right after its answer has had no pause.
	answer("In the beginning", 0)
	unloaded(t, o)
	mark := len(o.Log())
	n = answer("In the beginning", 0)
	unloaded(t, o)
	if got := lastStatistics(o.Log()[mark:]); got.steps < n/4 {
		t.Errorf("%d tokens were generated by a new runner, but %+v", n, got)
	}
}

// unloaded waits until the server runs no model.
func unloaded(t *testing.T, o *harness.Ollama) {
	t.Helper()
	for range 1200 {
		running, err := o.Client.ListRunning(timeout(t))
		if err != nil {
			t.Fatal(err)
		}
		if len(running.Models) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the model was not unloaded")
}

// statisticsAfter waits for statistics of at least that many steps. The server logs them in its next pause.
func statisticsAfter(t *testing.T, o *harness.Ollama, steps int) statistics {
	t.Helper()
	for range 1200 {
		if now := lastStatistics(o.Log()); now.steps >= steps {
			return now
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("no statistics of %d steps:\n%s", steps, end(o.Log()))
	return statistics{}
}
