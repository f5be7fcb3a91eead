package evaluation

import (
	"math"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// Four tokens with 8, 4, 2 and 1 of 15; the second and the fourth are not scored but have the mean of their logits.
func TestComparison(t *testing.T) {
	d := decoded(t, 3*math.Ln2, 2*math.Ln2, math.Ln2, 0)
	f := decoded(t, 3*math.Ln2, math.Ln2, math.Ln2, math.Ln2) // 8, 2, 2, 2 of 14
	c := newComparison(2)
	look := c.look()
	look(0, d, f)
	look(1, d, d)
	var p Point
	c.fill(&p)
	kld := (8*math.Log(8.0*14/8/15) + 4*math.Log(4.0*14/2/15) + 2*math.Log(2.0*14/2/15) + math.Log(1.0*14/2/15)) / 15
	if math.Abs(p.KLD.Max-kld) > 1e-4 || math.Abs(p.KLD.Mean-kld/2) > 1e-4 || math.Abs(p.Mass-(10.0/15+1)/2) > 1e-4 {
		t.Errorf("KLD %+v, want %g; mass %g", p.KLD, kld, p.Mass)
	}
	for what, c := range map[string]struct{ got, want statistics.Proportion }{
		"same top": {p.SameTop, statistics.Proportion{Count: 2, Total: 2}},
		"top 1":    {p.Top1, statistics.Proportion{Count: 2, Total: 2}},
		"top 5":    {p.Top5, statistics.Proportion{Count: 2 + 3, Total: 2 * 3}},
		"top 40":   {p.Top40, statistics.Proportion{Count: 2 + 3, Total: 2 * 3}},
	} {
		if c.got != c.want { // the last token has the least logit, so that it does not count
			t.Errorf("%s: %v, want %v", what, c.got, c.want)
		}
	}
}

// A missed best token is counted.
func TestComparisonMiss(t *testing.T) {
	d, f := decoded(t, 5, 9, 4, 0), decoded(t, 5, 2, 4, 0)
	c := newComparison(1)
	c.look()(0, d, f)
	var p Point
	c.fill(&p)
	if p.SameTop.Count != 0 || p.Top1 != (statistics.Proportion{Count: 0, Total: 1}) ||
		p.Top5 != (statistics.Proportion{Count: 2, Total: 3}) {
		t.Errorf("%+v, %v, %v", p.SameTop, p.Top1, p.Top5)
	}
	// the dense logit of FlashHead's best token is unknown: so is everything else
	c = newComparison(1)
	c.look()(0, decoded(t, 20, 0, 0), decoded(t, 0, 1, 0))
	c.fill(&p)
	if p.Top1.Count != 0 || p.Top1.Total != 1 || p.Mass != 0 {
		t.Errorf("%v, mass %g", p.Top1, p.Mass)
	}
}

// The shift is that of most of FlashHead's best tokens, even if the very best is not scored.
func TestShift(t *testing.T) {
	d := decoded(t, 1, 7, 8, 6, 0)
	f := decoded(t, 9, 7, 8, 6, 0)
	want := f.log(1) - d.log(1)
	if got := shiftOf(d, f, f.best(topK, nil)); math.Abs(got-want) > 1e-3 {
		t.Errorf("%g, want %g", got, want)
	}
	// the dense logit of the last is not known
	if scored(d, f, want, 0) || !scored(d, f, want, 2) || scored(d, f, want, 4) {
		t.Error("other tokens are scored")
	}
}

// Six tokens in three clusters: two are scored with one probe.
func TestTokenPlace(t *testing.T) {
	c := clusters{of: []uint32{0, 0, 1, 1, 2, 2}, pinned: []bool{5: true}, count: 3, coded: true}
	d := decoded(t, 9, 5, 8, 6, 1, 7)
	f := decoded(t, 9, 5.5, 8, 3, 4, 7) // 0 and 2 are scored, 5 is pinned; 1, 4 and 3 follow, by their estimates
	all := newRequired(c, 1)
	look := all.look()
	look(0, d, f)
	if all.least[0] != 1 {
		t.Errorf("the best token requires %g", all.least[0])
	}
	shift := shiftOf(d, f, f.best(topK, nil))
	// places 4, 5 and 6 with pinned token 5 before them: two at a time
	for token, want := range []int32{1, 2, 1, 3, 3, 0} {
		if got := c.tokenPlace(d, f, shift, int32(token)); got != want {
			t.Errorf("token %d requires %d, want %d", token, got, want)
		}
	}
}
