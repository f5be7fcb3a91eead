package calibrate

import (
	"math"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/native"
)

// budgets translate P into N, the tokens that are scored exactly.
type budgets struct{ vocab, clusters int }

// tokens returns N for P: as many tokens as P clusters have on average, rounded up. The runtime
// takes the N best tokens by estimate, or a few more or less, as it finds the last of them from a sample.
func (b budgets) tokens(probes int) int { return (probes*b.vocab + b.clusters - 1) / b.clusters }

// probes returns the smallest P that scores n tokens.
func (b budgets) probes(n int) int {
	p := max(1, n*b.clusters/b.vocab-1)
	for b.tokens(p) < n {
		p++
	}
	for p > 1 && b.tokens(p-1) >= n {
		p--
	}
	return p
}

// least and most limit the P that is chosen. Fewer probes than the default would harm the distribution, whatever the best
// token; with more than K/4 the dense head is not much slower.
func (b budgets) least() int { return int(flashhead.CodedProbes(uint32(b.clusters))) }
func (b budgets) most() int  { return max(b.clusters/4, b.least()) }

// needs returns, ascending, the N from which on the best token of each position is scored, 0 where it is pinned.
func needs(positions []native.Position, pinned map[uint32]bool) []int {
	all := make([]int, len(positions))
	for i, position := range positions {
		if best := position.Best[0]; !pinned[best.Token] {
			all[i] = int(best.Required)
		}
	}
	slices.Sort(all)
	return all
}

// reaching returns the smallest N, not below least nor above most, at which a share target of the positions have their
// best token scored, and how many are needed for that; if none does, the smallest at which the most positions do.
func (b budgets) reaching(needs []int, target float64) (n, met int) {
	least, most := b.tokens(b.least()), b.tokens(b.most())
	met = min(count(target, len(needs)), within(needs, most))
	if met == 0 {
		return least, 0
	}
	return max(needs[met-1], least), met
}

// within returns how many of the needs are met with n.
func within(needs []int, n int) int {
	met, _ := slices.BinarySearch(needs, n+1)
	return met
}

// count returns how many of n positions are at least a share target of them.
func count(target float64, n int) int {
	const rounding = 1e-9 // 0.995*200 is to be 199
	return int(math.Ceil(target*float64(n) - rounding))
}
