package evaluation

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The best tokens are those of a stable sort: ties are in token order.
func TestBest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		l := &logits{values: make([]uint16, 500)}
		all := make([]int32, len(l.values))
		for i := range all {
			l.values[i], all[i] = uint16(r.IntN(300)), int32(i)
		}
		slices.SortStableFunc(all, func(a, b int32) int { return int(l.values[b]) - int(l.values[a]) })
		if got := l.best(topK, nil); !slices.Equal(got, all[:topK]) {
			t.Fatalf("%v\nwant %v", got, all[:topK])
		}
	}
}

func truncated(t *testing.T, shares ...float64) *drawn {
	t.Helper()
	var logit []float64
	for _, s := range shares {
		logit = append(logit, math.Log(s))
	}
	l, s := decoded(t, logit...), &drawn{}
	s.truncate(l, l.best(topK, nil))
	return s
}

func TestTruncate(t *testing.T) {
	// 0.5 + 0.3 + 0.15 is the first sum of at least 0.9; at 0.8 shares are to the power of 1.25
	s := truncated(t, 0.05, 0.3, 0.5, 0.15)
	if want := []int32{2, 1, 3}; !slices.Equal(s.tokens, want) {
		t.Fatalf("keeps %v, want %v", s.tokens, want)
	}
	total := math.Pow(0.5, 1.25) + math.Pow(0.3, 1.25) + math.Pow(0.15, 1.25)
	for i, share := range []float64{0.5, 0.3, 0.15} {
		if want := math.Pow(share, 1.25) / total; math.Abs(s.share[i]-want) > 1e-4 {
			t.Errorf("token %d: %g, want %g", s.tokens[i], s.share[i], want)
		}
	}
}

func TestSameDraw(t *testing.T) {
	p := &drawn{tokens: []int32{7, 3}, share: [topK]float64{0.75, 0.25}}
	q := &drawn{tokens: []int32{7, 4, 3}, share: [topK]float64{0.5, 0.25, 0.25}}
	r := &drawn{tokens: []int32{3, 7}, share: [topK]float64{0.5, 0.5}}
	for _, c := range []struct {
		a, b *drawn
		want float64
	}{{p, p, 1}, {q, q, 1}, {p, q, 0.75}, {q, p, 0.75}, {p, r, 0.25}, {r, p, 0.25}} {
		if got := sameDraw(c.a, c.b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v and %v: %g, want %g", c.a.tokens, c.b.tokens, got, c.want)
		}
	}
}
