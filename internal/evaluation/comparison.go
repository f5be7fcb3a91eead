package evaluation

import (
	"math"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// comparison collects how FlashHead's distributions with one P differ from the dense ones, by position.
type comparison struct {
	kld, cool []float64
	same      []bool
	variation []float64 // of the truncated distributions
	truncated []float64 // their KLD
}

func newComparison(positions int) *comparison {
	return &comparison{kld: make([]float64, positions), cool: make([]float64, positions), same: make([]bool, positions),
		variation: make([]float64, positions), truncated: make([]float64, positions)}
}

// look returns the work of one worker.
func (c *comparison) look() look {
	divergence := &divergence{}
	dense, flash := make([]int32, 0, topK), make([]int32, 0, topK)
	p, q := &drawn{}, &drawn{}
	return func(i int, d, f *logits) { // every position is one worker's alone
		c.kld[i], c.cool[i] = divergence.of(d, f)
		dense, flash = d.best(topK, dense[:0]), f.best(topK, flash[:0])
		c.same[i] = dense[0] == flash[0]
		p.truncate(d, dense)
		q.truncate(f, flash)
		c.variation[i], c.truncated[i] = difference(p, q)
	}
}

// fill sets a point's figures.
func (c *comparison) fill(point *Point) {
	point.KLD, point.CoolKLD = describe(c.kld), describe(c.cool)
	point.SameTop.Total = len(c.same)
	for _, same := range c.same {
		if same {
			point.SameTop.Count++
		}
	}
	finite := slices.DeleteFunc(slices.Clone(c.truncated), func(kld float64) bool { return math.IsInf(kld, 1) })
	point.Truncated.Kept = statistics.Proportion{Count: len(finite), Total: len(c.truncated)}
	point.Truncated.Difference, _ = statistics.Mean(c.variation)
	if len(finite) > 0 {
		point.Truncated.KLD, _ = statistics.Mean(finite)
	}
}

// describe sums up a quantity over positions.
func describe(values []float64) Distribution {
	sorted := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 { return statistics.Quantile(sorted, q) }
	mean, deviation := statistics.Mean(values)
	return Distribution{Mean: mean, Error: deviation, Median: at(0.5), P90: at(0.9), P95: at(0.95), P99: at(0.99), P999: at(0.999), Max: at(1)}
}
