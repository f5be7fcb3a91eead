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

// positions returns records whose best tokens need these N, each another token; all diverge by 0.1, those that need more
// than 500 choose another token.
func positions(needs ...uint32) (all []native.Position) {
	for i, n := range needs {
		all = append(all, native.Position{Best: []native.Record{{Token: uint32(1000 + i), Required: n}, {Token: 7, Required: 1}},
			KLD: 0.1, Same: n <= 500})
	}
	return all
}

func named(name string, n int) []string { return slices.Repeat([]string{name}, n) }

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

// TestSmallestProbes has 200 held-out positions in a head of 3200 tokens in 100 clusters: P of 2 to 25 may be chosen.
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
		{0.9, 2, 196, true},    // 64 tokens are the least
		{0.98, 2, 196, true},   // exactly 196 of 200
		{0.985, 4, 197, true},  // 100
		{0.99, 10, 198, true},  // 320, exactly
		{0.995, 22, 199, true}, // 704
		{0.996, 22, 199, false},
		{1, 22, 199, false}, // 3000 are more than 25 clusters have
	} {
		got := New(Problem{Positions: positions(heldOut...), Kinds: named("a", 200), Vocab: 3200, Clusters: 100,
			Target: c.target})
		if got.Probes != c.probes || got.Reached != c.reached ||
			got.Agreement != (statistics.Proportion{Count: c.scored, Total: 200}) {
			t.Errorf("target %g: %+v, want %+v", c.target, got, c)
		}
	}
}

// Each kind of text is to reach the target; what is found is told of each.
func TestEachKind(t *testing.T) {
	p := Problem{Positions: positions(1, 1, 1, 1, 600, 1, 600, 1), Kinds: append(named("a", 4), named("b", 4)...), Vocab: 3200,
		Clusters: 100, Target: 0.7}
	got := New(p) // of all 75 % are met at once
	if got.Probes != 19 || !got.Reached || got.Agreement != (statistics.Proportion{Count: 8, Total: 8}) {
		t.Errorf("%+v", got)
	}
	want := []flashhead.Kind{{Name: "a", Positions: 4, SameTop: 1, KLD: 0.1}, {Name: "b", Positions: 4, SameTop: 0.5, KLD: 0.1}}
	if !slices.Equal(got.Kinds, want) {
		t.Errorf("%+v, want %+v", got.Kinds, want)
	}
	p.Probes = 2
	if got := New(p); got.Probes != 2 || got.Reached || got.Agreement.Count != 6 {
		t.Errorf("%+v", got)
	}
}

// The user's own P stays, whatever it reaches, and is allowed to be any.
func TestOwnProbes(t *testing.T) {
	p := Problem{Positions: positions(1, 2000, 40), Kinds: named("a", 3), Vocab: 3200, Clusters: 100, Target: 0.9}
	for probes, scored := range map[int]int{1: 1, 2: 2, 62: 2, 63: 3, 100: 3} {
		p.Probes = probes
		if got := New(p); got.Probes != probes || got.Agreement.Count != scored || got.Reached != (scored == 3) {
			t.Errorf("P = %d: %+v", probes, got)
		}
	}
}

// Tokens that are pinned need nothing.
func TestPinned(t *testing.T) {
	p := Problem{Positions: positions(3000, 128, 129), Kinds: named("a", 3), Vocab: 3200, Clusters: 100, Target: 0.6}
	if got := New(p); got.Probes != 5 || got.Agreement.Count != 2 {
		t.Errorf("%+v", got)
	}
	p.Pinned = []uint32{7, 1000}
	if got := New(p); got.Probes != 4 || got.Agreement.Count != 2 {
		t.Errorf("7 and 1000 pinned: %+v", got)
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
	plan := Plan{Probes: 62, Agreement: statistics.Proportion{Count: 995, Total: 1000}, Reached: true,
		Kinds: []flashhead.Kind{{Name: "a", Positions: 1000, SameTop: 0.99, KLD: 0.01}}}
	c := flashhead.Calibration{TextName: "t", Tokens: 2000, Target: 0.9}
	plan.Describe(&c)
	low, high := plan.Agreement.Interval()
	want := flashhead.Calibration{TextName: "t", Tokens: 2000, HeldOut: 1000, Target: 0.9, Agreement: 0.995,
		AgreementLow: float32(low), AgreementHigh: float32(high), Reached: true, Kinds: plan.Kinds}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("%+v", c)
	}
}
