package evaluation

import (
	"slices"
	"sync"

	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// containment collects, from a run with one probe, which of the dense head's best tokens are scored exactly at every P.
type containment struct {
	clusters clusters
	probes   []int

	mutex     sync.Mutex
	unknown   bool        // some position did not tell the order
	required  []float64   // by position, of the best token
	contained [3][]int    // by number of best tokens, as in bests, and P
	mass      [][]float64 // by P and position
}

var bests = [3]int{1, 5, topK}

func newContainment(c clusters, probes []int, positions int) *containment {
	all := &containment{clusters: c, probes: probes, required: make([]float64, positions)}
	for i := range bests {
		all.contained[i] = make([]int, len(probes))
	}
	for range probes {
		all.mass = append(all.mass, make([]float64, positions))
	}
	return all
}

// look returns the work of one worker.
func (all *containment) look() look {
	order := newOrder(all.clusters)
	dense := &powers{}
	top := make([]int32, 0, topK)
	mass := make([]float64, all.clusters.count+1) // by place; 0 for pinned tokens
	return func(position int, d, f *logits) {
		known := order.set(f)
		top = d.best(topK, top[:0])
		dense.set(d, 1)
		clear(mass)
		for token, value := range d.values {
			mass[order.required(int32(token))] += dense.of(value)
		}
		for i := 1; i < len(mass); i++ {
			mass[i] += mass[i-1]
		}
		all.mutex.Lock()
		defer all.mutex.Unlock()
		all.unknown = all.unknown || !known
		all.required[position] = float64(order.required(top[0]))
		for j, p := range all.probes {
			all.mass[j][position] = mass[p] / mass[len(mass)-1]
			for rank, token := range top {
				if int(order.required(token)) > p {
					continue
				}
				for i, n := range bests {
					if rank < n {
						all.contained[i][j]++
					}
				}
			}
		}
	}
}

// fill sets what is known in a point, the one with the j-th P.
func (all *containment) fill(j int, point *Point) {
	share := func(i int) statistics.Proportion {
		n := min(bests[i], len(all.clusters.of))
		return statistics.Proportion{Count: all.contained[i][j], Total: n * len(all.required)}
	}
	point.Top1, point.Top5, point.Top40 = share(0), share(1), share(2)
	point.Mass, _ = statistics.Mean(all.mass[j])
}

// distribution describes the required P.
func (all *containment) distribution() Required {
	sorted := slices.Sorted(slices.Values(all.required))
	at := func(q float64) float64 { return statistics.Quantile(sorted, q) }
	return Required{Median: at(0.5), P90: at(0.9), P95: at(0.95), P99: at(0.99), P999: at(0.999), Max: at(1)}
}
