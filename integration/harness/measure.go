package harness

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// Measure calls measure for every side in turn, once to warm up and then runs times. It returns the results by side,
// then by run. Taking turns spreads disturbances over all sides.
func Measure[T any](ctx context.Context, sides, runs int, measure func(side int) (T, error)) ([][]T, error) {
	results := make([][]T, sides)
	for run := range runs + 1 {
		for side := range sides {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			result, err := measure(side)
			if err != nil {
				return nil, err
			}
			if run > 0 {
				results[side] = append(results[side], result)
			}
		}
	}
	return results, nil
}

// Spread formats each of the median, minimum and maximum of values: "median (min to max)". It returns "-" for unknown
// values, which are NaN.
func Spread(format string, values []float64) string {
	if len(values) == 0 || math.IsNaN(values[0]) {
		return "-"
	}
	f := func(v float64) string { return fmt.Sprintf(format, v) }
	return fmt.Sprintf("%s (%s to %s)", f(statistics.Median(values)), f(slices.Min(values)), f(slices.Max(values)))
}
