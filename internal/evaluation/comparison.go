package evaluation

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// comparison collects how FlashHead's distributions with one P differ from the dense ones, by position.
type comparison struct {
	kld, cool []float64
	mass      []float64
	same      []bool
	variation []float64 // of the truncated distributions
	truncated []float64 // their KLD
	contained [3]struct{ count, total atomic.Int64 }
}

// bests are the numbers of best tokens of which it is counted how many are scored.
var bests = [3]int{1, 5, topK}

func newComparison(positions int) *comparison {
	values := func() []float64 { return make([]float64, positions) }
	return &comparison{kld: values(), cool: values(), mass: values(), same: make([]bool, positions), variation: values(), truncated: values()}
}

// look returns the work of one worker.
func (c *comparison) look() look {
	divergence := &divergence{}
	dense, flash := make([]int32, 0, topK), make([]int32, 0, topK)
	p, q := &drawn{}, &drawn{}
	return func(i int, d, f *logits) { // every position is one worker's alone
		dense, flash = d.best(topK, dense[:0]), f.best(topK, flash[:0])
		shift := shiftOf(d, f, flash[0])
		c.kld[i], c.cool[i], c.mass[i] = divergence.of(d, f, shift)
		c.same[i] = dense[0] == flash[0]
		c.contain(d, f, shift, dense)
		p.truncate(d, dense)
		q.truncate(f, flash)
		c.variation[i], c.truncated[i] = difference(p, q)
	}
}

// A token that is scored exactly has the dense head's logit, so its two log probabilities differ by what all scored tokens'
// do, the difference of the sums over all tokens. Rounding moves that by 0.00024 at most and another kernel for the dense
// product by less, while estimates of the dense head's best tokens are off by far more.
const exactWithin = 0.003

// shiftOf returns the difference for the scored tokens, of which FlashHead's best one is one; NaN if that one's dense
// logit is not known.
func shiftOf(d, f *logits, best int32) float64 {
	if d.scale > 0 && d.values[best] == 0 {
		return math.NaN()
	}
	return f.log(best) - d.log(best)
}

// contain counts which of the dense head's best tokens are scored. Those that are further than 16 nats below the very best
// do not count: their order is not known.
func (c *comparison) contain(d, f *logits, shift float64, best []int32) {
	for rank, token := range best {
		if d.scale > 0 && d.values[token] == 0 {
			return
		}
		scored := int64(0)
		if math.Abs(f.log(token)-d.log(token)-shift) < exactWithin {
			scored = 1
		}
		for i, n := range bests {
			if rank < n {
				c.contained[i].count.Add(scored)
				c.contained[i].total.Add(1)
			}
		}
	}
}

// fill sets a point's figures.
func (c *comparison) fill(point *Point) {
	point.KLD, point.CoolKLD = describe(c.kld), describe(c.cool)
	point.Mass, _ = statistics.Mean(c.mass)
	point.SameTop.Total = len(c.same)
	for _, same := range c.same {
		if same {
			point.SameTop.Count++
		}
	}
	for i, into := range []*statistics.Proportion{&point.Top1, &point.Top5, &point.Top40} {
		*into = statistics.Proportion{Count: int(c.contained[i].count.Load()), Total: int(c.contained[i].total.Load())}
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
