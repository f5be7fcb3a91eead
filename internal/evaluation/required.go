package evaluation

import (
	"math"
	"slices"
	"sync/atomic"
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
	d := describe(r.least)
	return Required{Median: d.Median, P90: d.P90, P95: d.P95, P99: d.P99, P999: d.P999, Max: d.Max}
}

// clusters is the map of tokens to clusters.
type clusters struct {
	of     []uint32 // cluster of each token
	pinned []bool   // for each token
	count  int      // K
	coded  bool     // with codes: tokens are chosen one by one by their estimates
}

// order finds the order of the clusters at a position. Each worker has its own.
type order struct {
	clusters
	low, high []uint16  // range over a cluster's tokens that are not pinned
	exact     []float64 // sum over its pinned tokens
	members   []int32   // number of pinned tokens
	keys      []uint64
	place     []int32 // result of set: the least P at which a cluster is scored, 1 to K
}

func newOrder(c clusters) *order {
	o := &order{clusters: c, low: make([]uint16, c.count), high: make([]uint16, c.count), exact: make([]float64, c.count),
		members: make([]int32, c.count), keys: make([]uint64, c.count), place: make([]int32, c.count)}
	for token, pinned := range c.pinned {
		if pinned {
			o.members[c.of[token]]++
		}
	}
	return o
}

// set finds the order of the clusters from the logits of a run with one probe, where each token that is not scored has
// its cluster's score. It returns false if the logits do not show the order. It assumes only this:
//   - The best cluster is scored exactly and comes first. Its tokens' logits differ, which shows it. If they are all
//     equal, or all other tokens in it are pinned, they are close to its score, and it comes close to first.
//   - A cluster of only pinned tokens shows no score. The mean of its exact logits is its score up to rounding of the
//     centroid.
//   - Clusters with the same rounded score share the last of their places, so that a token reported as scored is
//     scored.
func (o *order) set(l *logits) bool {
	for c := range o.count {
		o.low[c], o.high[c], o.exact[c] = math.MaxUint16, 0, 0
	}
	for token, value := range l.values {
		c := o.of[token]
		if o.pinned[token] {
			o.exact[c] += float64(value)
			continue
		}
		o.low[c], o.high[c] = min(o.low[c], value), max(o.high[c], value)
	}
	differing := 0
	for c := range o.count {
		score := float64(o.low[c])
		switch {
		case o.low[c] > o.high[c]:
			score = o.exact[c] / float64(o.members[c])
		case o.low[c] < o.high[c]:
			differing++
			score = math.MaxUint16 + 1
		}
		o.keys[c] = uint64(score*256)<<32 | uint64(c)
	}
	slices.Sort(o.keys)
	slices.Reverse(o.keys)
	for first := 0; first < o.count; {
		end := first
		for end < o.count && o.keys[end]>>32 == o.keys[first]>>32 {
			end++
		}
		for _, key := range o.keys[first:end] {
			o.place[uint32(key)] = int32(end)
		}
		first = end
	}
	return differing <= 1
}

// required returns the smallest P at which a token is scored exactly; 0 for a pinned token.
func (o *order) required(token int32) int32 {
	if o.pinned[token] {
		return 0
	}
	return o.place[o.of[token]]
}

// tokenPlace returns the smallest P at which a token is scored exactly in a head with codes, from the logits of the
// dense head and of a run with one probe; 0 for a pinned token. That run scores the V/K tokens with the best estimates,
// and all other logits are estimates. The P may be off by one, for two reasons: the estimates of scored tokens are
// unknown, so their logits count instead; and the runtime finds the best estimates by a sample.
func (c clusters) tokenPlace(d, f *logits, shift float64, token int32) int32 {
	if c.pinned[token] {
		return 0
	}
	if scored(d, f, shift, token) {
		return 1
	}
	vocab, place := len(f.values), 0
	for _, value := range f.values {
		if value >= f.values[token] {
			place++
		}
	}
	place = max(place, (vocab+c.count-1)/c.count+1) // not among those that were scored
	return int32((place-1)*c.count/vocab + 1)
}
