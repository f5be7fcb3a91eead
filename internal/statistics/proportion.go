// Package statistics holds the formulas that measurements share.
package statistics

import (
	"encoding/json"
	"math"
)

// Proportion is Count cases of Total.
type Proportion struct{ Count, Total int }

// Share returns Count / Total, 0 to 1; NaN if Total is 0.
func (p Proportion) Share() float64 { return float64(p.Count) / float64(p.Total) }

// z95 is the standard normal's 97.5 % quantile.
const z95 = 1.959963984540054

// Interval returns the 95 % confidence interval of the share, 0 to 1 if Total is 0. Cases are taken as independent.
// Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927).
func (p Proportion) Interval() (low, high float64) {
	if p.Total == 0 {
		return 0, 1
	}
	n, share := float64(p.Total), p.Share()
	centre := share + z95*z95/(2*n)
	spread := z95 * math.Sqrt(share*(1-share)/n+z95*z95/(4*n*n))
	scale := 1 + z95*z95/n
	return max(0, (centre-spread)/scale), min(1, (centre+spread)/scale)
}

// MarshalJSON writes share, low, high, count and total.
func (p Proportion) MarshalJSON() ([]byte, error) {
	low, high := p.Interval()
	share := p.Share()
	if p.Total == 0 {
		share = 0
	}
	return json.Marshal(struct {
		Share float64 `json:"share"`
		Low   float64 `json:"low"`
		High  float64 `json:"high"`
		Count int     `json:"count"`
		Total int     `json:"total"`
	}{share, low, high, p.Count, p.Total})
}

// UnmarshalJSON reads the output of MarshalJSON.
func (p *Proportion) UnmarshalJSON(data []byte) error {
	var v struct{ Count, Total int }
	err := json.Unmarshal(data, &v)
	*p = Proportion{v.Count, v.Total}
	return err
}
