package calibrate

import (
	"math"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/native"
)

// trial has two chunks of group a and one of b, of two positions each, with these divergences; above 0.5 another token
// is the best.
func trial(tolerance float32, klds ...float32) Trial {
	t := Trial{Tolerance: tolerance}
	for i, kld := range klds {
		place := Place{"a", i / 2}
		if i/2 == 1 {
			place.Group = "b"
		}
		t.Places = append(t.Places, place)
		t.Positions = append(t.Positions, native.Position{KLD: kld, Same: kld <= 0.5})
	}
	return t
}

func TestKinds(t *testing.T) {
	got := trial(1, 0.125, 0.375, 0.25, 0.75, 0.5, 0.75).Kinds()
	want := []flashhead.Kind{{Name: "a", Positions: 4, SameTop: 0.75, KLD: 0.4375}, {Name: "b", Positions: 2, SameTop: 0.5,
		KLD: 0.5}}
	if len(got) > 0 {
		// chunks of 0.25 and 0.625: a deviation of 0.375/sqrt(2), over the root of their number
		if math.Abs(float64(got[0].Error)-0.1875) > 1e-6 {
			t.Errorf("a standard error of %g", got[0].Error)
		}
		got[0].Error = 0
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// The halves alternate in every chunk.
func TestHalf(t *testing.T) {
	all := trial(1, 1, 2, 3, 4, 5, 6)
	for chosen, want := range map[bool][]float32{true: {1, 3, 5}, false: {2, 4, 6}} {
		half := all.Half(chosen)
		var got []float32
		for i, position := range half.Positions {
			got = append(got, position.KLD)
			if half.Places[i].Chunk != i {
				t.Errorf("%+v", half.Places)
			}
		}
		if !slices.Equal(got, want) || half.Tolerance != 1 {
			t.Errorf("%t: %v", chosen, got)
		}
	}
}

func TestNext(t *testing.T) {
	const bad = 9 // at positions that nothing is chosen by
	for name, c := range map[string]struct {
		targets flashhead.Targets
		trials  []Trial
		want    float32 // 0 for none
	}{
		"met":                  {flashhead.Targets{KLD: 0.1}, []Trial{trial(0.02, 0.08, bad, 0.07, bad, 0.08, bad)}, 0},
		"met without a margin": {flashhead.Targets{KLD: 0.1}, []Trial{trial(0.02, 0.09, bad, 0.09, bad, 0.09, bad)}, 0.01},
		"one kind fails":       {flashhead.Targets{KLD: 0.1}, []Trial{trial(0.02, 0.01, bad, 0.32, bad, 0.01, bad)}, 0.005},
		"by far":               {flashhead.Targets{KLD: 0.1}, []Trial{trial(0.02, 0.01, bad, 32, bad, 0.01, bad)}, 0.00125},
		"agreement fails": {flashhead.Targets{Agreement: 0.99}, []Trial{trial(0.02, 0.01, bad, 0.6, bad, 0.01, bad)},
			0.005},
		"agreement met":       {flashhead.Targets{Agreement: 1}, []Trial{trial(0.02, 0.4, bad, 0.4, bad, 0.4, bad)}, 0},
		"nothing left":        {flashhead.Targets{KLD: 0.1}, []Trial{trial(1e-5, 1, bad, 1, bad, 1, bad)}, 0},
		"nearly nothing left": {flashhead.Targets{KLD: 0.1}, []Trial{trial(2e-5, 1, bad, 1, bad, 1, bad)}, 1e-5},
		"tried often":         {flashhead.Targets{KLD: 0.1}, slices.Repeat([]Trial{trial(0.02, 1, 1, 1, 1, 1, 1)}, 4), 0},
	} {
		got, more := Next(c.targets, 0.001, c.trials)
		if more != (c.want > 0) || math.Abs(float64(got-c.want)) > 1e-6 {
			t.Errorf("%s: %g, %t; want %g", name, got, more, c.want)
		}
	}
}

// Without targets the tolerance rises until little enough is read: first by a guess, then by the trials.
func TestNextCheaper(t *testing.T) {
	for name, c := range map[string]struct {
		read, tolerances []float64
		want             float64 // 0 for none
	}{
		"little is read":    {[]float64{0.08}, []float64{0.01}, 0},
		"a little more":     {[]float64{0.1276}, []float64{0.01}, 0.01 * math.Pow(2, 0.01/0.037)},
		"a doubling":        {[]float64{0.1576, 0.1376}, []float64{0.01, 0.02}, 0.04},
		"met then":          {[]float64{0.15, 0.12}, []float64{0.01, 0.02}, 0},
		"it does not fall":  {[]float64{0.15, 0.15}, []float64{0.001, 0.002}, 0.016},
		"it falls slowly":   {[]float64{0.5, 0.49}, []float64{0.01, 0.02}, 0.05},
		"no more is of use": {[]float64{0.5, 0.49}, []float64{0.01, 0.05}, 0},
		"tried often":       {[]float64{0.5, 0.4, 0.3, 0.2}, []float64{0.001, 0.002, 0.004, 0.008}, 0},
	} {
		var trials []Trial
		for i, read := range c.read {
			trials = append(trials, Trial{Read: read, Tolerance: float32(c.tolerances[i])})
		}
		got, more := Next(flashhead.Targets{}, 0.12, trials)
		if more != (c.want > 0) || math.Abs(float64(got)-c.want) > 1e-4 {
			t.Errorf("%s: %g, %t; want %g", name, got, more, c.want)
		}
	}
}
