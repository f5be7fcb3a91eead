package statistics

import (
	"math"
	"slices"
)

// LeastForInterval is the number of values below which none of their intervals covers a median with 95 % confidence.
const LeastForInterval = 6

// MedianInterval returns the shortest interval between two of the values, as far from the least as from the greatest, that
// covers the median of what they are drawn from with at least 95 % confidence, whatever its distribution; values are taken as
// independent. The number of values below the median is binomial with 1/2. ok is false for fewer than LeastForInterval
// values. Source: Thompson, On Confidence Ranges for the Median and Other Expectation Distributions for Populations of Unknown
// Distribution Form, Annals of Mathematical Statistics 7 (1936).
func MedianInterval(values []float64) (low, high float64, ok bool) {
	n := len(values)
	if n < LeastForInterval {
		return math.NaN(), math.NaN(), false
	}
	sorted := slices.Sorted(slices.Values(values))
	// below is the probability that at most `cut` values are below the median, term that of exactly that many.
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

// Unstable tells whether repeated measurements of one thing differ too much to rely on: their standard deviation is more than
// a tenth of their mean. Source: the rule by which pyperf (psf/pyperf, command `check`) warns of an unstable benchmark.
func Unstable(values []float64) bool {
	mean, deviation := Mean(values)
	return deviation*math.Sqrt(float64(len(values))) > mean/10
}
