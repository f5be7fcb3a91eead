// Package statistics holds the formulas that measurements share.
package statistics

import (
	"encoding/json"
	"math"
	"slices"
)

// Quantile returns the q-quantile of sorted values, q in 0..1, with linear interpolation; NaN for no values. Source:
// type 7 of Hyndman and Fan, Sample Quantiles in Statistical Packages, The American Statistician 50 (1996).
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Median returns the median of values in any order; NaN for no values.
func Median(values []float64) float64 { return Quantile(slices.Sorted(slices.Values(values)), 0.5) }

// Ratios returns a[i] / b[i] for every i.
func Ratios(a, b []float64) []float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return ratios
}

// Mean returns the mean of n values and its standard error, sqrt(sum (v - mean)² / (n (n-1))), which takes values as
// independent. The mean of no values is NaN; the standard error of fewer than two is 0.
func Mean(values []float64) (mean, standardError float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v
	}
	mean /= n
	if n < 2 {
		return mean, 0
	}
	for _, v := range values {
		standardError += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(standardError / n / (n - 1))
}

// LeastForInterval is the fewest values that have a MedianInterval.
const LeastForInterval = 6

// MedianInterval returns a confidence interval of at least 95 % for the median of the distribution that values are
// drawn from, whatever that distribution is. Its ends are the k-th smallest and k-th largest value with the largest
// possible k: the number of values below the median is binomial with p = 1/2. Values are taken as independent. ok is
// false for fewer than LeastForInterval values. Source: Thompson, On Confidence Ranges for the Median and Other
// Expectation Distributions for Populations of Unknown Distribution Form, Annals of Mathematical Statistics 7 (1936).
func MedianInterval(values []float64) (low, high float64, ok bool) {
	n := len(values)
	if n < LeastForInterval {
		return math.NaN(), math.NaN(), false
	}
	sorted := slices.Sorted(slices.Values(values))
	// term is the probability that exactly cut values lie below the median, below that of at most cut.
	term := math.Pow(0.5, float64(n))
	below := term
	cut := 0
	for {
		term *= float64(n-cut) / float64(cut+1)
		if 2*(below+term) > 1-0.95 {
			return sorted[cut], sorted[n-1-cut], true
		}
		below += term
		cut++
	}
}

// Unstable reports whether repeated measurements vary too much to rely on: their standard deviation exceeds a tenth of
// their mean. Source: the rule by which `pyperf check` (psf/pyperf) warns of an unstable benchmark.
func Unstable(values []float64) bool {
	mean, standardError := Mean(values)
	return standardError*math.Sqrt(float64(len(values))) > mean/10
}

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

// Number is a result that may be NaN or infinite, as a ratio of unknown times is. JSON has null for these.
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if v := float64(n); !math.IsNaN(v) && !math.IsInf(v, 0) {
		return json.Marshal(v)
	}
	return []byte("null"), nil
}
