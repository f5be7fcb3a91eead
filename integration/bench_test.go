package integration

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	benchmark "github.com/fh-ollama/fh-ollama/internal/bench"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// benched runs `fh-ollama bench`, which must ignore the user's settings for the runtime, and returns its report.
func benched(t *testing.T, h host, args ...string) (report benchmark.Report) {
	t.Helper()
	reported(t, h, &report, []string{"FLASHHEAD_ENABLED=0", "FLASHHEAD_PROBES=7", "LLAMA_ARG_THREADS=9"}, "bench", args...)
	return report
}

// Every number of threads is measured, and the model is described correctly. No test asserts a speed.
func TestBench(t *testing.T) { onHosts(t, benchModel) }

func benchModel(t *testing.T, h host) {
	rounds := 2
	if testlevel.IsLong() {
		rounds = 6 // as many as an interval needs
	}
	checks := h.Prefix == patched(t).Prefix
	picture := filepath.Join(t.TempDir(), "picture.svg")
	r := benched(t, h, converted(t), "--tokens", "8", "--prompt", "16", "--rounds", strconv.Itoa(rounds), "--threads",
		"1,2", "--probes", "K/32", "--load", "--answers", "--svg", picture)
	if len(r.Results) != 1 || len(r.Results[0].Points) != 2 {
		t.Fatalf("%+v", r)
	}
	result := r.Results[0]
	if m := result.Model; m.Name != "trained-flashhead.gguf" || m.Clusters != clusterCount || m.Probes != 250 ||
		m.Synthetic {
		t.Errorf("model %+v", m)
	}
	if r.Machine.Commit == "" || r.Machine.Processors < 1 || r.Machine.Backend == "" {
		t.Errorf("machine %+v", r.Machine)
	}
	for i, p := range result.Points {
		if p.Threads != 1+i || p.Probes != 63 {
			t.Errorf("point %d: %d threads, P = %d", i, p.Threads, p.Probes)
		}
		checkPairs(t, p.Decode, rounds)
		checkPairs(t, *p.Prompt, rounds)
		if p.Ceiling <= 1 || p.Ceiling >= p.FreeHead || math.Abs(p.OfCeiling-float64(p.Decode.SpeedUp)/p.Ceiling) > 1e-9 {
			t.Errorf("point %d: ceiling %g, of it %g, free head %g", i, p.Ceiling, p.OfCeiling, p.FreeHead)
		}
	}
	if len(result.Answers) != 4 {
		t.Fatalf("answers %+v", result.Answers)
	}
	for i, a := range result.Answers {
		if sampling := []string{"greedy", "drawn"}[i%2]; a.Threads != 1+i/2 || a.Sampling != sampling {
			t.Errorf("answers %d: %d threads, %s", i, a.Threads, a.Sampling)
		}
		checkPairs(t, a.Unchecked, rounds)
		if (a.Checked != nil) != checks {
			t.Errorf("answers %d: checked %v", i, a.Checked)
		}
		if a.Checked != nil {
			checkPairs(t, *a.Checked, rounds)
		}
	}
	if len(result.Load) != 3 {
		t.Fatalf("loads %+v", result.Load)
	}
	for _, l := range result.Load {
		if l.Seconds <= 0 || l.Ratio <= 0 || l.Memory < 1<<20 || len(l.Runs) != rounds {
			t.Errorf("load %+v", l)
		}
	}
	if svg, err := os.ReadFile(picture); err != nil || !strings.Contains(string(svg), "trained-flashhead.gguf") ||
		!strings.HasSuffix(string(svg), "</svg>\n") {
		t.Errorf("%v, %d bytes", err, len(svg))
	}
}

func checkPairs(t *testing.T, p benchmark.Pairs, rounds int) {
	t.Helper()
	if len(p.DenseRuns) != rounds || len(p.FlashHeadRuns) != rounds || p.Dense <= 0 || p.FlashHead <= 0 ||
		p.SpeedUp <= 0 || (p.Interval != nil) != (rounds >= 6) {
		t.Errorf("%+v", p)
	}
	if i := p.Interval; i != nil && (i.Low <= 0 || i.Low > p.SpeedUp || p.SpeedUp > i.High) {
		t.Errorf("%+v, interval %+v", p, p.Interval)
	}
}

func TestBenchSynthetic(t *testing.T) {
	testlevel.Long(t)
	r := benched(t, patched(t), "--shape", "gemma-3-270m", "--codes", "--tokens", "2", "--rounds", "1",
		"--threads", "1")
	if len(r.Results) != 1 || len(r.Results[0].Points) != 1 {
		t.Fatalf("%+v", r)
	}
	m, p := r.Results[0].Model, r.Results[0].Points[0]
	if m.Name != "gemma-3-270m q4_k_m" || !m.Synthetic || m.Vocabulary != 262144 || m.Hidden != 640 ||
		m.Clusters != 4096 || m.CoarseBits != 160 {
		t.Errorf("model %+v", m)
	}
	if p.Probes != 128 || p.Decode.Dense <= 0 || p.Decode.FlashHead <= 0 || p.Decode.Interval != nil {
		t.Errorf("point %+v", p)
	}
}
