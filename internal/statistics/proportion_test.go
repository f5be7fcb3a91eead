package statistics

import (
	"encoding/json"
	"math"
	"testing"
)

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

func TestProportionJSON(t *testing.T) {
	data, err := json.Marshal(Proportion{3, 4})
	if err != nil {
		t.Fatal(err)
	}
	var back Proportion
	if err := json.Unmarshal(data, &back); err != nil || back != (Proportion{3, 4}) {
		t.Errorf("%s: %v, %v", data, back, err)
	}
}
