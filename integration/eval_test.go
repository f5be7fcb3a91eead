package integration

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

const evalChunks = "16" // 2032 positions

var (
	sameTop = regexp.MustCompile(`Same top p:\s*([0-9.]+)`)
	meanKLD = regexp.MustCompile(`Mean +KLD: +([0-9.]+)`)
)

// evaluate runs `fh-ollama eval` on the trained model and returns its report.
func evaluate(t *testing.T, h host, args ...string) evaluation.Report {
	t.Helper()
	return evaluateFile(t, h, converted(t), args...)
}

func evaluateFile(t *testing.T, h host, file string, args ...string) (report evaluation.Report) {
	t.Helper()
	reported(t, h, &report, nil, "eval", append([]string{file, "--threads", "1"}, args...)...)
	return report
}

// eval reports the known facts of the bundled model and llama-perplexity's own numbers. With all clusters all is exact.
func TestEval(t *testing.T) {
	h := patched(t)
	dir := t.TempDir()
	text, page := filepath.Join(dir, "text"), filepath.Join(dir, "page.html")
	sample(t, text)
	r := evaluate(t, h, "--text", text, "--chunks", evalChunks, "--probes", "125,250,2000", "--predict", "0", "--html",
		page)
	if r.Text.Positions != 16*127 || len(r.Points) != 3 || r.Generation != nil {
		t.Fatalf("%d positions, %d points, %d prompts", r.Text.Positions, len(r.Points), len(r.Generation))
	}
	few, own, all := r.Points[0], r.Points[1], r.Points[2]
	for _, c := range []struct {
		what        string
		got         float64
		least, most float64
	}{
		{"same top, P = 125", few.SameTop.Share(), 0.98, 0.9999},
		{"same top, P = 250", own.SameTop.Share(), 0.99, 1},
		{"best 40 contained, P = 125", few.Top40.Share(), 0.95, 0.9999},
		{"best 40 contained, P = 250", own.Top40.Share(), few.Top40.Share(), 1},
		{"mass, P = 250", own.Mass, few.Mass, 0.9999},
		{"KLD, P = 125", few.KLD.Mean, 0.01, 0.18},
		{"KLD, P = 250", own.KLD.Mean, 0.005, few.KLD.Mean},
		{"KLD at 0.8, P = 250", own.CoolKLD.Mean, 0.001, few.KLD.Mean},
		{"same draw, P = 250", own.SameDraw, few.SameDraw, 1 - 1e-5},
		{"required P, median", r.Required.Median, 1, 20},
		{"required P, 99 %", r.Required.P99, r.Required.P95, 400},
		{"perplexity, P = 2000", all.Perplexity.Value, r.Dense.Value - 0.01, r.Dense.Value + 0.01},
		{"KLD, P = 2000", all.KLD.Mean, -1e-5, 1e-5},
		{"worst KLD, P = 2000", all.KLD.Max, 0, 1e-3},
		{"same top, P = 2000", all.SameTop.Share(), 0.9999, 1}, // except ties
		{"best 40 contained, P = 2000", all.Top40.Share(), 1, 1},
		{"mass, P = 2000", all.Mass, 1 - 1e-6, 1 + 1e-6},
	} {
		if !(c.got >= c.least && c.got <= c.most) {
			t.Errorf("%s: %g, not in %g to %g", c.what, c.got, c.least, c.most)
		}
	}
	// A scored best token stays the best, and a token that is not scored rarely becomes the best.
	if lost := few.Top1.Count - few.SameTop.Count; lost < 0 || lost > few.Top1.Total/200 {
		t.Errorf("the best token is scored at %d positions and chosen at %d", few.Top1.Count, few.SameTop.Count)
	}
	twoWays(t, r)
	sameAsLlama(t, h, text, few)
	if html, err := os.ReadFile(page); err != nil ||
		!strings.Contains(string(html), fmt.Sprintf("%.2f", 100*few.SameTop.Share())) {
		t.Errorf("the page does not show %.2f %%: %v", 100*few.SameTop.Share(), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("beside text and page there are %v", entries)
	}
}

// twoWays compares two measurements of the share of positions where the best token is scored: each P's own run, and the
// required P from the run with one probe.
func twoWays(t *testing.T, r evaluation.Report) {
	t.Helper()
	slack := 3 / float64(r.Text.Positions) // P may be off by one
	for _, point := range r.Points {
		for share, required := range map[float64]float64{0.9: r.Required.P90, 0.95: r.Required.P95, 0.99: r.Required.P99,
			0.999: r.Required.P999} {
			if (required <= float64(point.Probes)) != (point.Top1.Share() >= share) &&
				math.Abs(point.Top1.Share()-share) > slack {
				t.Errorf("%g of positions require P = %g, but at P = %d the best token is scored at %v", share, required,
					point.Probes, point.Top1)
			}
		}
	}
}

// addCodes copies a converted file with codes of random directions: the products of two vectors' projections on them
// are about the vectors' own (Johnson and Lindenstrauss).
func addCodes(t *testing.T, from, to string) {
	t.Helper()
	f, head, params := flashheadtest.Open(t, from)
	params.Codes = flashhead.Qualities[0].Codes(head, params.Clusters, params.CentroidType)
	params.Codes.Tolerance = 0 // only P counts
	random, n := rand.New(rand.NewPCG(1, 1)), params.Codes.Directions
	for range int64(n) * head.Width() {
		params.Codes.Rows = append(params.Codes.Rows, float32(random.NormFloat64()/math.Sqrt(float64(n))))
	}
	params.Codes.Activations = params.Codes.Rows
	params.Codes.Variances, params.Codes.Weights = ones(n), ones(int(head.Width()))
	rewrite(t, f, to, params.Keys())
}

func ones(n int) []float32 { return slices.Repeat([]float32{1}, n) }

// sameAsLlama compares a point with llama-perplexity's statistics.
func sameAsLlama(t *testing.T, h host, text string, point evaluation.Point) {
	t.Helper()
	base := filepath.Join(t.TempDir(), "dense.kld")
	args := []string{"-m", converted(t), "-f", text, "--chunks", evalChunks, "--kl-divergence-base", base}
	perplexity(t, h, []string{"FLASHHEAD_ENABLED=0"}, args...)
	said := perplexity(t, h, []string{"FLASHHEAD_MAX_ROWS=0", fmt.Sprintf("FLASHHEAD_PROBES=%d", point.Probes)},
		append(args, "--kl-divergence")...)
	for what, c := range map[string]struct {
		match  []string
		got    float64
		margin float64
	}{
		"KLD": {meanKLD.FindStringSubmatch(said), point.KLD.Mean, 0.01 * point.KLD.Mean},
		// one tie, as rounded
		"same top": {sameTop.FindStringSubmatch(said), 100 * point.SameTop.Share(), 100.0 / 2032 * 1.5},
	} {
		if c.match == nil {
			t.Fatalf("llama-perplexity does not say %s:\n%s", what, said)
		}
		want, err := strconv.ParseFloat(c.match[1], 64)
		if err != nil || math.Abs(c.got-want) > c.margin {
			t.Errorf("%s: %g, llama-perplexity says %g", what, c.got, want)
		}
	}
}

// checkedContinuations checks what a report says of continuations with checks of tokens.
func checkedContinuations(t *testing.T, r evaluation.Report, checks bool) {
	t.Helper()
	if (r.Checked != nil) != checks {
		t.Fatalf("checked continuations: %+v", r.Checked)
	}
	if !checks {
		return
	}
	// Where the dense head lies in AMX's layout its sums have another order, and a tie may fall otherwise.
	if same := r.Checked.Greedy.Identical; same.Total != len(r.Generation) || same.Count < same.Total-1 {
		t.Errorf("of the checked continuations %d of %d are the dense ones", same.Count, same.Total)
	}
	for _, p := range r.Generation {
		if p.Checked == nil || (p.Checked.Divergence < 0) != (p.Checked.Text == p.Dense) {
			t.Errorf("%s: %+v", p.Kind, p.Checked)
		}
	}
}

// Without --text the built-in text is evaluated, and each of its kinds has its own numbers. Both hosts give the same
// numbers and the same continuations.
func TestEvalBuiltIn(t *testing.T) {
	var reports []evaluation.Report
	onHosts(t, func(t *testing.T, h host) {
		r := evaluate(t, h, "--chunks", "12", "--probes", "1,250", "--predict", "24")
		if r.Text.Name != "built-in" || r.Text.Chunks != 12 || len(r.Generation) < 8 || len(r.Points) != 2 {
			t.Fatalf("text %+v, %d prompts, %d points", r.Text, len(r.Generation), len(r.Points))
		}
		if worst := r.Points[0].Greedy; worst == nil || worst.Identical.Count == worst.Identical.Total {
			t.Errorf("one probe of %d clusters changes no continuation; was FlashHead used at all? %+v", clusterCount, worst)
		}
		p := r.Points[1]
		kinds(t, r, p)
		g, s := p.Greedy, p.Speed
		if g == nil || s == nil || g.Identical.Total != len(r.Generation) || s.Dense <= 0 || s.Flash <= 0 ||
			s.Low > s.Ratio || s.Ratio > s.High {
			t.Fatalf("continuations %+v, speed %+v", g, s)
		}
		if g.Agreed < 0.5 {
			t.Errorf("FlashHead follows the dense text for %.0f %% of its length only", 100*g.Agreed)
		}
		for _, p := range r.Generation {
			if p.Tokens < 1 || p.Dense == "" || len(p.Runs) != 2 || (p.Runs[1].Divergence < 0) != (p.Runs[1].Text == p.Dense) {
				t.Errorf("%s: %+v", p.Kind, p)
			}
		}
		checkedContinuations(t, r, h.Prefix == patched(t).Prefix)
		reports = append(reports, r)
	})
	if len(reports) != 2 {
		return
	}
	a, b := reports[0].Points[1], reports[1].Points[1]
	if a.KLD != b.KLD || a.SameTop != b.SameTop || a.Top40 != b.Top40 || a.Greedy.Identical != b.Greedy.Identical {
		t.Errorf("patched: %+v\nplug-in: %+v", a, b)
	}
}

// kinds checks that the numbers of a point's kinds of text add up to its own.
func kinds(t *testing.T, r evaluation.Report, p evaluation.Point) {
	t.Helper()
	var names []string
	total, same, kld := 0, 0, 0.0
	for _, kind := range p.Kinds {
		names = append(names, kind.Name)
		total += kind.SameTop.Total
		same += kind.SameTop.Count
		kld += kind.KLD * float64(kind.SameTop.Total)
		if kind.SameTop.Total < r.Text.Context/2 || !(kind.KLD > 0) || !(kind.SameDraw > 0.5 && kind.SameDraw <= 1) {
			t.Errorf("%+v", kind)
		}
	}
	if want := []string{"chat", "code", "data", "english", "languages", "scripts"}; !slices.Equal(names, want) {
		t.Errorf("kinds %v, want %v", names, want)
	}
	if total != r.Text.Positions || same != p.SameTop.Count || math.Abs(kld/float64(total)-p.KLD.Mean) > 1e-9 {
		t.Errorf("kinds have %d positions, %d the same, KLD %g; the text %d, %d, %g", total, same, kld/float64(total),
			r.Text.Positions, p.SameTop.Count, p.KLD.Mean)
	}
}

// Drawn clusters have no order, but their distribution is compared.
func TestEvalSample(t *testing.T) {
	testlevel.Long(t)
	h := patched(t)
	point := func(seed string) evaluation.Point {
		r := evaluate(t, h, "--chunks", "2", "--probes", "250", "--predict", "0", "--mode", "sample", "--temperature", "0.8",
			"--seed", seed)
		if r.Unknown == "" || r.Required != (evaluation.Required{}) || r.Runtime.Mode != "sample" {
			t.Errorf("it tells an order of clusters that are drawn: %+v", r)
		}
		return r.Points[0]
	}
	first, again, other := point("1"), point("1"), point("2")
	if first.KLD != again.KLD || first.KLD == other.KLD {
		t.Errorf("KLD %+v, again %+v, with another seed %+v", first.KLD, again.KLD, other.KLD)
	}
	if first.Top40.Share() < 0.5 || first.Top40.Share() > 0.995 || first.Mass > 0.95 {
		t.Errorf("of the best 40 %v are scored, mass %g", first.Top40, first.Mass)
	}
	if first.KLD.Mean < 0.01 {
		t.Errorf("KLD %g; were clusters drawn at all?", first.KLD.Mean)
	}
}

// A runtime without FlashHead is an error before anything is measured.
func TestStockRuntime(t *testing.T) {
	own, ollama := patched(t), stock(t)
	for command, begun := range map[string]string{"eval": "positions", "bench": "round"} {
		cmd := exec.CommandContext(timeout(t), own.Bin("fh-ollama"), command, converted(t), "--lib",
			filepath.Dir(ollama.Lib("x")))
		cmd.Env = append(harness.Environment(scratch), "TMPDIR="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out),
			"fh-ollama: FlashHead is not active: the runtime does not know it\n  use a runtime that has it: ") {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
		if strings.Contains(string(out), begun) {
			t.Errorf("%s says so only after it measured:\n%s", command, out)
		}
	}
}
