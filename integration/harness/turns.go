package harness

import (
	"context"
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// Measure measures each of the sides once to warm up, and then runs times, one after the other. The results are by side,
// then by run.
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

// Ratios returns a / b, run by run.
func Ratios(a, b []float64) []float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return ratios
}

// Spread returns the median of values and, in parentheses, the smallest and the largest; format is for each of them.
func Spread(format string, values []float64) string {
	f := func(v float64) string { return fmt.Sprintf(format, v) }
	return fmt.Sprintf("%s (%s to %s)", f(statistics.Median(values)), f(slices.Min(values)), f(slices.Max(values)))
}
