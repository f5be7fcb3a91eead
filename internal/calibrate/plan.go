// Package calibrate fits FlashHead to text of many kinds: it collects hidden states, the head's input at the positions of
// that text, and chooses how many tokens to score exactly.
package calibrate

import (
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// DefaultTarget is the default agreement to reach.
const DefaultTarget = 0.998

// CheckTarget returns an error unless target is in (0.5, 1].
func CheckTarget(target float64) error {
	if !(target > 0.5 && target <= 1) { // NaN is caught, too
		return fmt.Errorf("a target agreement of %g is not above 0.5 and at most 1", target)
	}
	return nil
}

// Problem is the input of New.
type Problem struct {
	Positions []native.Position // that were held out
	Kinds     []string          // name of the kind of text of each
	Vocab     int               // V
	Clusters  int               // K
	Pinned    []uint32          // tokens that are always scored
	Target    float64           // share of positions where the dense head's best token is to be scored exactly
	Probes    int               // P if it is chosen already, else 0
}

// Plan is the solution of a Problem. Its proportions come from the positions on which P was chosen, so they are slightly
// optimistic.
type Plan struct {
	Probes    int                   // P
	Agreement statistics.Proportion // of positions where the dense head's best token is scored exactly
	Reached   bool                  // the target, by each kind
	Kinds     []flashhead.Kind
}

// New solves a problem: the smallest P, not below the default for codes nor above K/4, that reaches the target for each
// kind of text, or the smallest of those that come closest.
func New(p Problem) Plan {
	b := budgets{p.Vocab, p.Clusters}
	pinned := map[uint32]bool{}
	for _, token := range p.Pinned {
		pinned[token] = true
	}
	plan := Plan{Probes: p.Probes, Reached: true}
	kinds := p.kinds()
	if plan.Probes == 0 {
		plan.Probes = b.least()
		for _, kind := range kinds {
			n, _ := b.reaching(needs(kind.positions, pinned), p.Target)
			plan.Probes = max(plan.Probes, b.probes(n))
		}
	}
	budget := b.tokens(plan.Probes)
	for _, kind := range kinds {
		met, n := within(needs(kind.positions, pinned), budget), len(kind.positions)
		plan.Agreement.Count += met
		plan.Agreement.Total += n
		plan.Reached = plan.Reached && met >= count(p.Target, n)
		plan.Kinds = append(plan.Kinds, kind.found())
	}
	return plan
}

// kind is the positions of one kind of text.
type kind struct {
	name      string
	positions []native.Position
}

// kinds returns the kinds in the order of their first positions.
func (p Problem) kinds() []kind {
	var all []kind
	for i, position := range p.Positions {
		at := slices.IndexFunc(all, func(k kind) bool { return k.name == p.Kinds[i] })
		if at < 0 {
			at = len(all)
			all = append(all, kind{name: p.Kinds[i]})
		}
		all[at].positions = append(all[at].positions, position)
	}
	return all
}

// found is what the tool recorded, for the P it was given.
func (k kind) found() flashhead.Kind {
	same, kld := 0, 0.0
	for _, position := range k.positions {
		kld += float64(position.KLD)
		if position.Same {
			same++
		}
	}
	n := float64(len(k.positions))
	return flashhead.Kind{Name: k.name, Positions: uint32(len(k.positions)), SameTop: float32(float64(same) / n),
		KLD: float32(kld / n)}
}

// Describe writes the plan's results to the calibration keys.
func (p Plan) Describe(c *flashhead.Calibration) {
	low, high := p.Agreement.Interval()
	c.HeldOut = uint32(p.Agreement.Total)
	c.Agreement, c.AgreementLow, c.AgreementHigh = float32(p.Agreement.Share()), float32(low), float32(high)
	c.Reached, c.Kinds = p.Reached, p.Kinds
}
