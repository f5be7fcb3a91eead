package calibrate

import (
	"cmp"
	"maps"
	"slices"
)

const (
	mostPins    = 64
	leastMisses = 2 // a token that was missed once may never be met again
)

// pins returns the tokens worth scoring always, ascending: those that the fitted part misses at the N that reaches the
// target there, if with them so much smaller an N will do that it pays for their rows. always are pinned already.
func pins(fit []position, always map[uint32]bool, b budgets, target float64) []uint32 {
	budget, met := b.reaching(needs(fit, always), target)
	misses := map[uint32]int{}
	for _, r := range fit {
		if best := r[0]; !always[best.Token] && int(best.Required) > budget {
			misses[best.Token]++
		}
	}
	maps.DeleteFunc(misses, func(_ uint32, n int) bool { return n < leastMisses })
	found := slices.SortedFunc(maps.Keys(misses), func(x, y uint32) int {
		return cmp.Or(misses[y]-misses[x], cmp.Compare(x, y))
	})
	found = found[:min(len(found), mostPins)]
	if len(found) == 0 {
		return nil
	}
	smaller, metWith := b.reaching(needs(fit, union(always, found)), target)
	if metWith == met && smaller+len(found) >= budget {
		return nil
	}
	slices.Sort(found)
	return found
}

// union returns the tokens of both.
func union(a map[uint32]bool, more []uint32) map[uint32]bool {
	all := maps.Clone(a)
	if all == nil {
		all = map[uint32]bool{}
	}
	for _, token := range more {
		all[token] = true
	}
	return all
}
