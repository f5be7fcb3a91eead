package statistics

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The places are those of the usual table: of n values the cut+1st from below and from above.
func TestMedianInterval(t *testing.T) {
	for n, cut := range map[int]int{6: 0, 7: 0, 8: 0, 9: 1, 11: 1, 12: 2, 15: 3, 17: 4, 20: 5, 30: 9, 40: 13} {
		var values []float64
		for _, i := range rand.New(rand.NewPCG(1, uint64(n))).Perm(n) {
			values = append(values, float64(i))
		}
		low, high, ok := MedianInterval(values)
		if !ok || low != float64(cut) || high != float64(n-1-cut) {
			t.Errorf("of %d values: %g to %g, %v; want the %d. from both ends", n, low, high, ok, cut)
		}
	}
	if _, _, ok := MedianInterval([]float64{1, 2, 3, 4, 5}); ok {
		t.Error("five values have an interval")
	}
}

// Of intervals from a skewed distribution at least 95 % cover its median, and not nearly all.
func TestMedianIntervalCovers(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 3))
	const trials = 4000
	covered := 0
	for range trials {
		var values []float64
		for range 20 {
			values = append(values, random.ExpFloat64())
		}
		if low, high, _ := MedianInterval(values); low <= math.Ln2 && math.Ln2 <= high {
			covered++
		}
	}
	if share := float64(covered) / trials; share < 0.945 || share > 0.975 { // 0.9586 in theory
		t.Errorf("%.4f of the intervals cover the median", share)
	}
}

func TestUnstable(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   bool
	}{
		{[]float64{10, 10.5, 9.5, 10}, false},
		{[]float64{10, 10, 10, 7}, true},
		{[]float64{10}, false},
	} {
		if got := Unstable(c.values); got != c.want {
			t.Errorf("%v: %v", c.values, got)
		}
	}
}
