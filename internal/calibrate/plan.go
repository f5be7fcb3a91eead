// Package calibrate fits FlashHead to text of many kinds: it collects hidden states, the head's input at the positions
// of that text, and chooses how many tokens to score exactly.
package calibrate

import (
	"math"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/native"
)

// mostTrials is how many P are tried at most: each takes another run of the native tool.
const mostTrials = 3

// Trial is a P that was tried, and what the runtime would do with it at the held-out positions.
type Trial struct {
	Probes    int
	Positions []native.Position
	Names     []string // of each position's kind of text
}

// Kinds tells what was found, by name in the order of the first positions.
func (t Trial) Kinds() []flashhead.Kind {
	var kinds []flashhead.Kind
	for _, positions := range t.byName() {
		same, kld := 0, 0.0
		for _, position := range positions {
			kld += float64(position.KLD)
			if position.Same {
				same++
			}
		}
		n := float64(len(positions))
		kinds = append(kinds, flashhead.Kind{Positions: uint32(n), SameTop: float32(float64(same) / n),
			KLD: float32(kld / n)})
	}
	for i, name := range t.names() {
		kinds[i].Name = name
	}
	return kinds
}

// names returns the different names.
func (t Trial) names() []string {
	var names []string
	for _, name := range t.Names {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// byName returns the positions of each of names.
func (t Trial) byName() [][]native.Position {
	names := t.names()
	all := make([][]native.Position, len(names))
	for i, position := range t.Positions {
		at := slices.Index(names, t.Names[i])
		all[at] = append(all[at], position)
	}
	return all
}

// Problem asks for a P at which every kind of text meets the targets.
type Problem struct {
	Vocab    int // V
	Clusters int // K
	Targets  flashhead.Targets
}

// most is the greatest P that is tried; with more the dense head is not much slower.
func (p Problem) most() int { return (p.Clusters + 7) / 8 }

// tokens returns how many tokens are scored exactly with P: as many as P clusters have on average, rounded up.
func (p Problem) tokens(probes int) int { return (probes*p.Vocab + p.Clusters - 1) / p.Clusters }

// Next returns the P to try after trials, of which there is at least one and none that meets the targets but the last;
// false if the last one is to be kept. P is doubled until the trials let expect that the targets are met.
func (p Problem) Next(trials []Trial) (int, bool) {
	last := trials[len(trials)-1]
	if p.Targets.Met(last.Kinds()) || len(trials) >= mostTrials || last.Probes >= p.most() {
		return 0, false
	}
	probes := 2 * last.Probes
	for probes < p.most() && !p.promises(trials, probes) {
		probes *= 2
	}
	return min(probes, p.most()), true
}

// promises reports whether the targets may be expected to be met with P.
func (p Problem) promises(trials []Trial, probes int) bool {
	last := trials[len(trials)-1]
	for _, positions := range last.byName() {
		scored := 0
		for _, position := range positions {
			if int(position.Best[0].Required) <= p.tokens(probes) {
				scored++
			}
		}
		if float32(float64(scored)/float64(len(positions))) < p.Targets.Agreement {
			return false
		}
	}
	if p.Targets.KLD == 0 || len(trials) < 2 { // nothing is known of how it falls
		return true
	}
	before := trials[len(trials)-2]
	doublings := math.Log2(float64(last.Probes) / float64(before.Probes))
	more := math.Log2(float64(probes) / float64(last.Probes))
	earlier := before.Kinds()
	for i, kind := range last.Kinds() {
		fall := math.Pow(float64(kind.KLD)/float64(earlier[i].KLD), 1/doublings) // with each doubling
		if float64(kind.KLD)*math.Pow(fall, more) > float64(p.Targets.KLD) {
			return false
		}
	}
	return true
}
