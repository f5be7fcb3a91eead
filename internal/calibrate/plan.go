// Package calibrate fits FlashHead to text of many kinds. It collects hidden states, which are the head's input at the
// positions of that text, and chooses the tolerance of the estimates.
package calibrate

import (
	"math"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

const (
	mostTrials     = 4    // each is another run of the native tool
	leastTolerance = 1e-5 // below, nearly all tokens are exact
	mostTolerance  = 0.05 // above, little more is saved
	margin         = 0.8  // the share of a target KLD to aim at, so that other text meets the target too
)

// Place is the origin of a hidden state.
type Place struct {
	Group string // of kinds of text
	Chunk int    // number of the chunk
}

// Trial is a tried tolerance and the runtime's results with it at the held-out places.
type Trial struct {
	Tolerance float32
	Read      float64 // share of the head's bytes, on average
	Positions []native.Position
	Places    []Place // of the positions
}

// Half returns every second position of each chunk: the positions that choose a tolerance, or the ones that measure it.
func (t Trial) Half(chosen bool) Trial {
	half, seen := Trial{Tolerance: t.Tolerance}, map[int]int{}
	for i, place := range t.Places {
		if (seen[place.Chunk]%2 == 0) == chosen {
			half.Positions, half.Places = append(half.Positions, t.Positions[i]), append(half.Places, place)
		}
		seen[place.Chunk]++
	}
	return half
}

// Kinds returns the results by group, in the order of the first positions. Chunks are independent but the positions of
// a chunk are not, so the error is that of the mean over chunks.
func (t Trial) Kinds() []flashhead.Kind {
	var kinds []flashhead.Kind
	var klds [][][]float64 // of each kind, chunk and position
	for i, position := range t.Positions {
		group := t.Places[i].Group
		at := slices.IndexFunc(kinds, func(k flashhead.Kind) bool { return k.Name == group })
		if at < 0 {
			at = len(kinds)
			kinds, klds = append(kinds, flashhead.Kind{Name: group}), append(klds, nil)
		}
		kinds[at].Positions++
		if position.Same {
			kinds[at].SameTop++
		}
		if i == 0 || t.Places[i-1] != t.Places[i] { // a chunk's positions follow each other
			klds[at] = append(klds[at], nil)
		}
		chunk := &klds[at][len(klds[at])-1]
		*chunk = append(*chunk, float64(position.KLD))
	}
	for i, chunks := range klds {
		means := make([]float64, len(chunks))
		for j, chunk := range chunks {
			means[j], _ = statistics.Mean(chunk)
		}
		kld, _ := statistics.Mean(slices.Concat(chunks...))
		_, standardError := statistics.Mean(means)
		kinds[i].SameTop /= float32(kinds[i].Positions)
		kinds[i].KLD, kinds[i].Error = float32(kld), float32(standardError)
	}
	return kinds
}

// Next returns the tolerance to try after trials, of which there is at least one; false if the last one is good. With
// targets it lowers the tolerance until the choosing half of the positions meets them with a margin. Else it raises it
// until at most the share mostRead of the head's bytes is read, or to mostTolerance.
func Next(targets flashhead.Targets, mostRead float64, trials []Trial) (float32, bool) {
	last := trials[len(trials)-1]
	if !targets.Any() {
		return cheaper(mostRead, trials)
	}
	kinds := last.Half(true).Kinds()
	aim := flashhead.Targets{Agreement: targets.Agreement, KLD: margin * targets.KLD}
	if aim.Met(kinds) || len(trials) >= mostTrials || last.Tolerance <= leastTolerance {
		return 0, false
	}
	factor := float32(0.5)
	for _, kind := range kinds {
		if kind.SameTop < aim.Agreement {
			factor = min(factor, 0.25)
		}
		if aim.KLD > 0 && kind.KLD > aim.KLD {
			factor = min(factor, aim.KLD/kind.KLD) // the divergence falls at most as fast as its expectation
		}
	}
	return max(last.Tolerance*max(factor, 1.0/16), leastTolerance), true
}

// perDoubling is about how much the share read falls when the tolerance doubles; for the first guess.
const perDoubling = 0.037

// cheaper returns the tolerance at which the share of the head's bytes read is expected to be mostRead.
func cheaper(mostRead float64, trials []Trial) (float32, bool) {
	last := trials[len(trials)-1]
	if last.Read <= mostRead || len(trials) >= mostTrials || last.Tolerance >= mostTolerance {
		return 0, false
	}
	fall := perDoubling
	if len(trials) > 1 {
		before := trials[len(trials)-2]
		fall = (before.Read - last.Read) / math.Log2(float64(last.Tolerance/before.Tolerance))
	}
	doublings := 3.0 // the most; also if the share did not fall
	if fall > 0 {
		doublings = min(doublings, (last.Read-0.98*mostRead)/fall)
	}
	return min(last.Tolerance*float32(math.Exp2(doublings)), mostTolerance), true
}
