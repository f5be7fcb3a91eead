package statistics

import (
	"math"
	"slices"
)

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
