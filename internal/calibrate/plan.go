// Package calibrate fits FlashHead to text of many kinds: it collects hidden states, the head's input at the positions
// of that text, and chooses how much estimates may cost.
package calibrate

import (
	"math"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

const (
	mostTrials     = 4    // each takes another run of the native tool
	leastTolerance = 1e-5 // with less nearly all is scored exactly
	mostTolerance  = 0.05 // with more little is saved
	margin         = 0.8  // of a target KLD, aimed at where the tolerance is chosen, so that other text meets it, too
)

// Place is where a hidden state comes from.
type Place struct {
	Group string // of kinds of text
	Chunk int    // number of the chunk
}

// Trial is a tolerance that was tried, and what the runtime does with it at the held-out places.
type Trial struct {
	Tolerance float32
	Read      float64 // share of the head's bytes, on average
	Positions []native.Position
	Places    []Place // of the positions
}

// Half returns every second position of each chunk: those with which a tolerance is chosen, or the others, at which it
// is measured.
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

// Kinds tells what was found, by group in the order of the first positions. Chunks are independent, positions of one are
// not, so the error is that of the mean over chunks.
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

// Next returns the tolerance to try after trials, of which there is at least one; false if the last one is to be kept.
// With targets it is lowered until one half of the positions meets them with a margin, else it is raised until at most a
// share of the head's bytes is read, or to mostTolerance.
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
			factor = min(factor, aim.KLD/kind.KLD) // a divergence falls as its expectation does, or more slowly
		}
	}
	return max(last.Tolerance*max(factor, 1.0/16), leastTolerance), true
}

// perDoubling is by how much the share that is read falls when the tolerance is doubled, about; for the first guess.
const perDoubling = 0.037

// cheaper returns the tolerance at which at most a share of the head's bytes may be expected to be read.
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
	doublings := 3.0 // at most: what a fall of nothing or less would not say
	if fall > 0 {
		doublings = min(doublings, (last.Read-0.98*mostRead)/fall)
	}
	return min(last.Tolerance*float32(math.Exp2(doublings)), mostTolerance), true
}
