package calibrate

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// recorded returns a position's tokens with what they require.
func recorded(tokens ...[2]uint32) (at position) {
	for _, t := range tokens {
		at = append(at, native.Record{Token: t[0], Required: t[1]})
	}
	return at
}

// positions returns records whose best tokens need these N, each another token, with a second best one that needs one
// more.
func positions(needs ...uint32) (all []position) {
	for i, n := range needs {
		all = append(all, recorded([2]uint32{uint32(1000 + i), n}, [2]uint32{7, n + 1}))
	}
	return all
}

func TestBudgets(t *testing.T) {
	for _, b := range []budgets{{32000, 1000}, {32000, 2000}, {999, 63}, {100, 7}, {3, 2}, {151936, 4748}} {
		for p := 1; p <= b.clusters; p++ {
			n := b.tokens(p)
			if want := int(math.Ceil(float64(p) * float64(b.vocab) / float64(b.clusters))); n != want {
				t.Fatalf("%+v: %d tokens for P = %d, want %d", b, n, p, want)
			}
			if back := b.probes(n); back != p || n < b.vocab && b.probes(n+1) != p+1 {
				t.Fatalf("%+v: %d tokens need P = %d, not %d", b, n, back, p)
			}
		}
		if b.probes(0) != 1 || b.tokens(b.clusters) != b.vocab || b.least() < 1 || b.most() < b.least() {
			t.Errorf("%+v: P = %d to %d", b, b.least(), b.most())
		}
	}
}

// TestSmallestProbes has 200 held-out positions in a head of 3200 tokens in 100 clusters: P of 4 to 25 may be chosen.
func TestSmallestProbes(t *testing.T) {
	heldOut := make([]uint32, 200)
	for i := range heldOut {
		heldOut[i] = 1
	}
	heldOut[0], heldOut[1], heldOut[2], heldOut[3] = 3000, 700, 320, 100
	for _, c := range []struct {
		target         float64
		probes, scored int
		reached        bool
	}{
		{0.9, 4, 197, true},    // 128 tokens are the least
		{0.981, 4, 197, true},  // 128
		{0.985, 4, 197, true},  // exactly 197 of 200
		{0.99, 10, 198, true},  // 320, exactly
		{0.995, 22, 199, true}, // 704
		{0.996, 22, 199, false},
		{1, 22, 199, false}, // 3000 are more than 25 clusters have
	} {
		got := New(Problem{Records: append(positions(1, 1, 1), positions(heldOut...)...), Fit: 3, Vocab: 3200, Clusters: 100,
			Target: c.target})
		if got.Probes != c.probes || got.Reached != c.reached ||
			got.Agreement != (statistics.Proportion{Count: c.scored, Total: 200}) || got.Pinned != nil {
			t.Errorf("target %g: %+v, want %+v", c.target, got, c)
		}
	}
}

// The user's own P stays, whatever it reaches, and is allowed to be any.
func TestOwnProbes(t *testing.T) {
	p := Problem{Records: positions(1, 1, 2000, 40), Fit: 1, Vocab: 3200, Clusters: 100, Target: 0.9}
	for probes, scored := range map[int]int{1: 1, 2: 2, 62: 2, 63: 3, 100: 3} {
		p.Probes = probes
		if got := New(p); got.Probes != probes || got.Agreement.Count != scored || got.Reached != (scored == 3) {
			t.Errorf("P = %d: %+v", probes, got)
		}
	}
}

// Tokens that are pinned anyway need nothing, and count among the 40 best.
func TestPinnedAnyway(t *testing.T) {
	p := Problem{Records: positions(1, 3000, 128, 129), Fit: 1, Vocab: 3200, Clusters: 100, Target: 0.6}
	if got := New(p); got.Top40 != (statistics.Proportion{Count: 4, Total: 6}) || got.Probes != 5 ||
		got.Agreement.Count != 2 {
		t.Errorf("%+v", got)
	}
	p.Pinned = []uint32{7, 1001}
	if got := New(p); got.Top40 != (statistics.Proportion{Count: 5, Total: 6}) || got.Probes != 4 ||
		got.Agreement.Count != 2 {
		t.Errorf("7 and 1001 pinned: %+v", got)
	}
}

// TestPins fits to 100 positions, of which 90 need few tokens and the others what misses says, and holds out as many.
func TestPins(t *testing.T) {
	for name, c := range map[string]struct {
		misses [][2]uint32
		target float64
		pinned []uint32
		probes int
	}{
		// without them 95 % need 500 tokens, with them 128
		"worth it": {[][2]uint32{{5, 900}, {1, 500}, {3, 900}, {1, 500}, {5, 800}, {1, 500}, {5, 900}, {2, 500}, {3, 700},
			{2, 500}}, 0.95, []uint32{3, 5}, 4},
		"once is chance": {[][2]uint32{{1, 500}, {2, 501}, {3, 502}, {4, 503}, {5, 504}, {6, 505}, {7, 506}, {8, 507},
			{9, 508}, {10, 509}},
			0.99, nil, 16}, // 508
		// the target is reached without them at the least P
		"not needed": {[][2]uint32{{5, 900}, {5, 900}, {3, 500}, {3, 500}, {3, 500}, {3, 500}, {3, 500}, {3, 500}, {3, 500},
			{3, 500}}, 0.9, nil, 4},
		// one token of the two that are missed, more often than once, brings nothing as the other is still needed
		"of no use": {[][2]uint32{{1, 300}, {2, 300}, {3, 300}, {4, 300}, {5, 300}, {6, 300}, {7, 300}, {8, 300}, {9, 400},
			{9, 400}}, 0.97, nil, 10},
		// more than K/4 clusters have: the target is out of reach without them
		"out of reach": {[][2]uint32{{5, 3000}, {5, 3000}, {6, 2000}, {6, 2000}, {6, 2000}, {1, 1}, {1, 1}, {1, 1}, {1, 1},
			{1, 1}}, 1, []uint32{5, 6}, 4},
	} {
		half := positions(make([]uint32, 90)...)
		for i := range half {
			half[i][0].Required = 1
		}
		for _, m := range c.misses {
			half = append(half, recorded(m))
		}
		got := New(Problem{Records: append(half, half...), Fit: len(half), Vocab: 3200, Clusters: 100, Target: c.target})
		if !slices.Equal(got.Pinned, c.pinned) || got.Probes != c.probes || !got.Reached {
			t.Errorf("%s: %+v, want %v and P = %d", name, got, c.pinned, c.probes)
		}
	}
}

// The most missed of many tokens are pinned, in their order.
func TestMostPins(t *testing.T) {
	var fit []position
	for token := range uint32(100) {
		for range 2 + token%2 { // those with an odd number thrice
			fit = append(fit, recorded([2]uint32{token, 3000}))
		}
	}
	got := New(Problem{Records: append(fit, positions(1)...), Fit: len(fit), Vocab: 3200, Clusters: 100, Target: 1})
	var want []uint32
	for token := range uint32(100) {
		if token%2 == 1 || token < 28 {
			want = append(want, token)
		}
	}
	if len(want) != mostPins || !slices.Equal(got.Pinned, want) {
		t.Errorf("%v, want %v", got.Pinned, want)
	}
}

func TestTarget(t *testing.T) {
	for target, good := range map[float64]bool{DefaultTarget: true, 0.51: true, 1: true, 0.5: false, 0: false, 1.01: false,
		-1: false, math.NaN(): false} {
		if err := CheckTarget(target); (err == nil) != good {
			t.Errorf("%g: %v", target, err)
		}
	}
}

func TestDescribe(t *testing.T) {
	plan := Plan{Probes: 62, Pinned: []uint32{4, 9}, Agreement: statistics.Proportion{Count: 995, Total: 1000},
		Top40: statistics.Proportion{Count: 39, Total: 40}, Reached: true}
	c := flashhead.Calibration{TextName: "t", Tokens: 2000, Target: 0.9}
	plan.Describe(&c)
	low, high := plan.Agreement.Interval()
	want := flashhead.Calibration{TextName: "t", Tokens: 2000, HeldOut: 1000, Target: 0.9, Agreement: 0.995,
		AgreementLow:  float32(low),
		AgreementHigh: float32(high), Top40: 0.975, Pinned: 2, Reached: true}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v", c)
	}
}
