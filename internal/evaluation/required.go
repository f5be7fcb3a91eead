package evaluation

import (
	"slices"
	"sync/atomic"

	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// required collects the least P at which the dense head's best token is scored exactly, from a run with one probe.
type required struct {
	clusters clusters
	unknown  atomic.Bool // some position does not show the order
	least    []float64   // P, by position
}

func newRequired(c clusters, positions int) *required {
	return &required{clusters: c, least: make([]float64, positions)}
}

// look returns the function of one worker.
func (r *required) look() look {
	if r.clusters.coded {
		var dense, flash []int32
		return func(position int, d, f *logits) {
			dense, flash = d.best(1, dense[:0]), f.best(topK, flash[:0])
			r.least[position] = float64(r.clusters.tokenPlace(d, f, shiftOf(d, f, flash), dense[0]))
		}
	}
	order := newOrder(r.clusters)
	return func(position int, d, f *logits) {
		if !order.set(f) {
			r.unknown.Store(true)
			return
		}
		r.least[position] = float64(order.required(d.best(1, nil)[0]))
	}
}

// distribution describes the required P.
func (r *required) distribution() Required {
	sorted := slices.Sorted(slices.Values(r.least))
	at := func(q float64) float64 { return statistics.Quantile(sorted, q) }
	return Required{Median: at(0.5), P90: at(0.9), P95: at(0.95), P99: at(0.99), P999: at(0.999), Max: at(1)}
}
