package calibrate

import (
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/native"
)

// trial has a position for each N that its best token needs; all diverge by kld, and where N is more than P clusters of
// 32 tokens have, another token is the best.
func trial(probes int, kld float32, names []string, needs ...uint32) Trial {
	t := Trial{Probes: probes, Names: names}
	for _, n := range needs {
		t.Positions = append(t.Positions, native.Position{Best: []native.Record{{Token: 7, Required: n}}, KLD: kld,
			Same: n <= uint32(32*probes)})
	}
	return t
}

// many is a head of 3200 tokens in 100 clusters: P is 13 at most.
func many(targets flashhead.Targets) Problem { return Problem{3200, 100, targets} }

func TestKinds(t *testing.T) {
	names := []string{"b", "a", "b", "b", "a"}
	tried := trial(2, 0.5, names, 1, 1, 65, 64, 100)
	tried.Positions[1].KLD = 0.25
	want := []flashhead.Kind{{Name: "b", Positions: 3, SameTop: float32(2) / 3, KLD: 0.5},
		{Name: "a", Positions: 2, SameTop: 0.5, KLD: 0.375}}
	if got := tried.Kinds(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTokens(t *testing.T) {
	for probes, want := range map[int]int{1: 32, 2: 63, 16: 500, 32: 999} {
		if got := (Problem{Vocab: 999, Clusters: 32}).tokens(probes); got != want {
			t.Errorf("P = %d: %d tokens, want %d", probes, got, want)
		}
	}
}

func TestNextByAgreement(t *testing.T) {
	names := []string{"a", "a", "b", "b"}
	for _, c := range []struct {
		agreement float32
		needs     [4]uint32
		next      int // 0 for none
	}{
		{0, [4]uint32{3000, 3000, 3000, 3000}, 0},
		{1, [4]uint32{1, 64, 1, 1}, 0},     // met at P = 2
		{1, [4]uint32{1, 65, 1, 1}, 4},     // 128 tokens
		{1, [4]uint32{1, 129, 1, 1}, 8},    // 256
		{1, [4]uint32{1, 257, 1, 1}, 13},   // 416 are the most that are tried
		{1, [4]uint32{1, 3000, 1, 1}, 13},  // though they do not reach the target
		{0.6, [4]uint32{1, 1, 1, 200}, 8},  // of all 75 % are met at once
		{0.51, [4]uint32{1, 1, 1, 100}, 4}, // each kind is to meet it
	} {
		p := many(flashhead.Targets{Agreement: c.agreement})
		got, ok := p.Next([]Trial{trial(2, 0.1, names, c.needs[:]...)})
		if got != c.next || ok != (c.next > 0) {
			t.Errorf("%+v: P = %d, %t", c, got, ok)
		}
	}
}

// The first doubling tells how fast the divergence falls, the last P is the one that it promises.
func TestNextByDivergence(t *testing.T) {
	names := []string{"a", "b"}
	p := Problem{32000, 1000, flashhead.Targets{KLD: 0.01}} // P is 125 at most
	first := trial(10, 0.08, names, 1, 1)
	if got, ok := p.Next([]Trial{first}); got != 20 || !ok {
		t.Errorf("P = %d, %t", got, ok)
	}
	for kld, want := range map[float32]int{0.009: 0, 0.02: 40, 0.04: 80, 0.06: 125, 0.08: 125, 0.1: 125} {
		got, ok := p.Next([]Trial{first, trial(20, kld, names, 1, 1)})
		if got != want || ok != (want > 0) {
			t.Errorf("KLD %g with 20: P = %d, %t, want %d", kld, got, ok, want)
		}
	}
	if got, ok := p.Next([]Trial{first, trial(20, 0.04, names, 1, 1), trial(80, 0.02, names, 1, 1)}); ok {
		t.Errorf("a fourth P, %d", got)
	}
	if got, ok := p.Next([]Trial{trial(125, 0.04, names, 1, 1)}); ok {
		t.Errorf("P = %d after the most", got)
	}
	if got, ok := p.Next([]Trial{trial(200, 0.04, names, 1, 1)}); ok { // as the user's own may be
		t.Errorf("P = %d after more than the most", got)
	}
}
