package statistics

import (
	"math"
	"slices"
)

// Quantile returns the value below which share q, 0 to 1, of the sorted values lie, interpolated linearly between two of
// them (type 7 of Hyndman and Fan, Sample Quantiles in Statistical Packages, 1996); NaN for no values.
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

// Median returns the middle of values in any order; NaN for none.
func Median(values []float64) float64 { return Quantile(slices.Sorted(slices.Values(values)), 0.5) }

// Mean returns the mean of values and its standard error, sqrt(variance/(n-1)) with values taken as independent: NaN and 0
// for no values, and no error for one.
func Mean(values []float64) (mean, deviation float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v
	}
	mean /= n
	if n < 2 {
		return mean, 0
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / n / (n - 1))
}
