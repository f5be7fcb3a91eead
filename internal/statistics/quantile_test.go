package statistics

import (
	"math"
	"testing"
)

// The values are those of numpy.quantile.
func TestQuantile(t *testing.T) {
	sorted := []float64{1, 2, 4, 8, 16}
	for q, want := range map[float64]float64{0: 1, 0.25: 2, 0.5: 4, 0.9: 12.8, 0.99: 15.68, 1: 16} {
		if got := Quantile(sorted, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("%g: %g, want %g", q, got, want)
		}
	}
	if got := Quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("of nothing: %g", got)
	}
	if got := Quantile([]float64{3}, 0.99); got != 3 {
		t.Errorf("of one: %g", got)
	}
	if got := Median([]float64{9, 1, 5, 3}); got != 4 {
		t.Errorf("median %g", got)
	}
}

func TestMean(t *testing.T) {
	// variance 5, of 4 values: sqrt(5/3)
	if mean, deviation := Mean([]float64{2, 4, 6, 8}); mean != 5 || math.Abs(deviation-math.Sqrt(5.0/3)) > 1e-12 {
		t.Errorf("%g ± %g", mean, deviation)
	}
	if mean, deviation := Mean([]float64{7}); mean != 7 || deviation != 0 {
		t.Errorf("%g ± %g", mean, deviation)
	}
}
