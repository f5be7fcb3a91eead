package statistics

import (
	"encoding/json"
	"math"
	"math/rand/v2"
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

// The intervals are those of statsmodels' proportion_confint(count, total, method="wilson").
func TestInterval(t *testing.T) {
	for _, test := range []struct {
		p         Proportion
		low, high float64
	}{
		{Proportion{8, 10}, 0.4901625, 0.9433178},
		{Proportion{0, 20}, 0, 0.1611252},
		{Proportion{995, 1000}, 0.9883490, 0.9978625},
		{Proportion{0, 0}, 0, 1},
	} {
		low, high := test.p.Interval()
		if math.Abs(low-test.low) > 1e-6 || math.Abs(high-test.high) > 1e-6 {
			t.Errorf("%v: %.7f to %.7f, want %.7f to %.7f", test.p, low, high, test.low, test.high)
		}
	}
}

func TestJSON(t *testing.T) {
	got, err := json.Marshal([]Number{0.1, -1e-7, Number(math.NaN()), Number(math.Inf(1)), Number(math.Inf(-1))})
	if err != nil || string(got) != "[0.1,-1e-7,null,null,null]" {
		t.Errorf("%s, %v", got, err)
	}
	p := Proportion{3, 4}
	var back Proportion
	if got, err = json.Marshal(p); err != nil || json.Unmarshal(got, &back) != nil || back != p {
		t.Errorf("%s: %v, %v", got, back, err)
	}
}
