package flashhead_test

import (
	"math"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
)

// calibrated returns parameters with codes and a calibration.
func calibrated() flashhead.Parameters {
	p := sound()
	const n, d = 8, 32
	p.Codes = flashhead.Codes{CoarseBits: 16, FineBytes: 32, Near: 5, Directions: n, Rows: make([]float32, n*d),
		Activations: make([]float32, n*d), Variances: make([]float32, n), Weights: make([]float32, d)}
	for i := range p.Codes.Rows {
		p.Codes.Rows[i], p.Codes.Activations[i] = float32(i), -float32(i)/256
	}
	p.Calibration = &flashhead.Calibration{TextSHA256: "def", TextName: "t.txt", Tokens: 4000, HeldOut: 2000,
		Targets: flashhead.Targets{Agreement: 0.995, KLD: 0.02}, Reached: true,
		Kinds: []flashhead.Kind{{Name: "a", Positions: 1500, SameTop: 0.999, KLD: 0.004},
			{Name: "b", Positions: 500, SameTop: 1, KLD: 0.02}}}
	return p
}

func TestOverall(t *testing.T) {
	c := calibrated().Calibration
	if got := c.Overall(); got.Positions != 2000 || got.SameTop != 0.99925 ||
		math.Abs(float64(got.KLD)-0.008) > 1e-7 {
		t.Errorf("%+v", got)
	}
	if worst, ok := c.Worst(); !ok || worst.Name != "b" {
		t.Errorf("the worst kind is %+v", worst)
	}
	if got := (&flashhead.Calibration{}).Overall(); got != (flashhead.Kind{Name: "all"}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestTargets(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		targets flashhead.Targets
		good    bool
	}{
		{flashhead.Targets{}, true}, {flashhead.Targets{Agreement: 0.51}, true}, {flashhead.Targets{Agreement: 1}, true},
		{flashhead.Targets{KLD: 0.001}, true}, {flashhead.Targets{Agreement: 0.5}, false},
		{flashhead.Targets{Agreement: 1.01}, false}, {flashhead.Targets{Agreement: -1}, false},
		{flashhead.Targets{Agreement: nan}, false}, {flashhead.Targets{KLD: -1}, false},
		{flashhead.Targets{KLD: 11}, false}, {flashhead.Targets{KLD: nan}, false},
	} {
		if err := c.targets.Check(); (err == nil) != c.good {
			t.Errorf("%+v: %v", c.targets, err)
		}
	}
	kinds := calibrated().Calibration.Kinds // same top 0.999 and 1, KLD 0.004 and 0.02
	for _, c := range []struct {
		targets flashhead.Targets
		met     bool
		words   string
	}{
		{flashhead.Targets{}, true, ""}, {flashhead.Targets{Agreement: 0.999}, true, "same top 99.9 %"},
		{flashhead.Targets{Agreement: 0.9995}, false, "same top 99.95 %"}, {flashhead.Targets{KLD: 0.02}, true, "KLD 0.02"},
		{flashhead.Targets{Agreement: 0.99, KLD: 0.01}, false, "same top 99 %, KLD 0.01"},
	} {
		if got := c.targets.Met(kinds); got != c.met || c.targets.String() != c.words {
			t.Errorf("%+v: met %t, %q", c.targets, got, c.targets)
		}
	}
}
