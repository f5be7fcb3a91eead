package evaluation

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// comparison collects, by position, the differences between FlashHead's distributions with one P and the dense ones.
type comparison struct {
	kld, cool []float64
	mass      []float64
	same      []bool
	drawn     []float64 // probability that both heads draw the same token
	contained [3]struct{ count, total atomic.Int64 }
}

// bests are the n for which it counts how many of the n best tokens are scored.
var bests = [3]int{1, 5, topK}

func newComparison(positions int) *comparison {
	values := func() []float64 { return make([]float64, positions) }
	return &comparison{kld: values(), cool: values(), mass: values(), same: make([]bool, positions), drawn: values()}
}

// look returns the function of one worker.
func (c *comparison) look() look {
	divergence := &divergence{}
	dense, flash := make([]int32, 0, topK), make([]int32, 0, topK)
	p, q := &drawn{}, &drawn{}
	return func(i int, d, f *logits) { // one worker owns each position
		dense, flash = d.best(topK, dense[:0]), f.best(topK, flash[:0])
		shift := shiftOf(d, f, flash)
		c.kld[i], c.cool[i], c.mass[i] = divergence.of(d, f, shift)
		c.same[i] = dense[0] == flash[0]
		c.contain(d, f, shift, dense)
		p.truncate(d, dense)
		q.truncate(f, flash)
		c.drawn[i] = sameDraw(p, q)
	}
}

// An exactly scored token has the dense head's logit. So its two log probabilities differ by the same shift as those of
// all scored tokens: the difference of the log sums over all tokens. Rounding changes the shift by at most 0.00024, and
// another kernel for the dense product by less. Estimates of the dense head's best tokens are off by far more.
const exactWithin = 0.003

// shiftOf returns the shift of the scored tokens: the one that most of best, FlashHead's best tokens, share; NaN if
// there is none.
func shiftOf(d, f *logits, best []int32) float64 {
	shift, most := math.NaN(), 0
	for i, token := range best {
		if !known(d, token) {
			continue
		}
		this, agree := f.log(token)-d.log(token), 0
		for _, other := range best {
			if scored(d, f, this, other) {
				agree++
			}
		}
		if agree > most && (i == 0 || agree > 1) { // only the very best may be alone
			shift, most = this, agree
		}
		if most >= len(best)-i {
			break // no other can have more
		}
	}
	return shift
}

// known reports whether the record has a token's logit. It does not if the logit is over 16 nats below the best.
func known(d *logits, token int32) bool { return d.scale == 0 || d.values[token] > 0 }

// scored reports whether a token is scored exactly: its log probabilities differ by shift.
func scored(d, f *logits, shift float64, token int32) bool {
	return known(d, token) && math.Abs(f.log(token)-d.log(token)-shift) < exactWithin
}

// contain counts which of the dense head's best tokens are scored. Tokens with unknown logits have no known order and
// do not count.
func (c *comparison) contain(d, f *logits, shift float64, best []int32) {
	for rank, token := range best {
		if !known(d, token) {
			return
		}
		count := int64(0)
		if scored(d, f, shift, token) {
			count = 1
		}
		for i, n := range bests {
			if rank < n {
				c.contained[i].count.Add(count)
				c.contained[i].total.Add(1)
			}
		}
	}
}

// fill sets the results of a point.
func (c *comparison) fill(point *Point) {
	point.KLD, point.CoolKLD = describe(c.kld), describe(c.cool)
	point.Mass, _ = statistics.Mean(c.mass)
	point.SameDraw, _ = statistics.Mean(c.drawn)
	point.SameTop = count(c.same)
	for i, into := range []*statistics.Proportion{&point.Top1, &point.Top5, &point.Top40} {
		*into = statistics.Proportion{Count: int(c.contained[i].count.Load()), Total: int(c.contained[i].total.Load())}
	}
}

// kind returns the results at some positions.
func (c *comparison) kind(name string, positions []int) Kind {
	var kld, drawn []float64
	var same []bool
	for _, i := range positions {
		kld, drawn, same = append(kld, c.kld[i]), append(drawn, c.drawn[i]), append(same, c.same[i])
	}
	k := Kind{Name: name, SameTop: count(same)}
	k.KLD, k.KLDError = statistics.Mean(kld)
	k.SameDraw, _ = statistics.Mean(drawn)
	return k
}

// count returns how many cases hold.
func count(cases []bool) statistics.Proportion {
	p := statistics.Proportion{Total: len(cases)}
	for _, holds := range cases {
		if holds {
			p.Count++
		}
	}
	return p
}

// describe summarises a quantity over positions.
func describe(values []float64) Distribution {
	sorted := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 { return statistics.Quantile(sorted, q) }
	mean, deviation := statistics.Mean(values)
	return Distribution{Mean: mean, Error: deviation, Median: at(0.5), P90: at(0.9), P95: at(0.95), P99: at(0.99),
		P999: at(0.999), Max: at(1)}
}
