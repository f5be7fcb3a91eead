// Package calibrate fits FlashHead to a text: it collects hidden states, the head's input at the positions of that
// text, and chooses how many tokens to score exactly and which always.
package calibrate

import (
	"fmt"

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
	Records  [][]native.Record // of all positions: the dense head's best tokens, best first, at least one
	Fit      int               // the first so many were fitted to, the others are held out; some of both
	Vocab    int               // V
	Clusters int               // K
	Pinned   []uint32          // tokens that are always scored anyway
	Target   float64           // share of positions where the dense head's best token is to be scored exactly
	Probes   int               // P if it is chosen already, else 0
}

// Plan is the solution of a Problem. Its proportions come from the held-out part, on which P was chosen, so they are
// slightly optimistic.
type Plan struct {
	Probes    int                   // P
	Pinned    []uint32              // tokens to pin beyond the problem's, ascending
	Agreement statistics.Proportion // of positions where the dense head's best token is scored exactly
	Top40     statistics.Proportion // of the dense head's 40 best tokens that are scored exactly
	Reached   bool                  // the target
}

// New solves a problem: the smallest P in K/32..K/4 that reaches the target, or the smallest of those that come
// closest.
func New(p Problem) Plan {
	b := budgets{p.Vocab, p.Clusters}
	fit, heldOut := p.Records[:p.Fit], p.Records[p.Fit:]
	pinned := union(nil, p.Pinned)
	plan := Plan{Probes: p.Probes, Pinned: pins(fit, pinned, b, p.Target)}
	pinned = union(pinned, plan.Pinned)

	all := needs(heldOut, pinned)
	if plan.Probes == 0 {
		n, _ := b.reaching(all, p.Target)
		plan.Probes = max(b.probes(n), b.least())
	}
	budget := b.tokens(plan.Probes)
	plan.Agreement = statistics.Proportion{Count: within(all, budget), Total: len(all)}
	plan.Reached = plan.Agreement.Count >= count(p.Target, len(all))
	plan.Top40 = contained(heldOut, pinned, budget)
	return plan
}

// contained counts the tokens of all records that are scored with n.
func contained(records []position, pinned map[uint32]bool, n int) (all statistics.Proportion) {
	for _, r := range records {
		all.Total += len(r)
		for _, c := range r {
			if int(c.Required) <= n || pinned[c.Token] {
				all.Count++
			}
		}
	}
	return all
}

// Describe writes the plan's results to the calibration keys.
func (p Plan) Describe(c *flashhead.Calibration) {
	low, high := p.Agreement.Interval()
	c.HeldOut = uint32(p.Agreement.Total)
	c.Agreement, c.AgreementLow, c.AgreementHigh = float32(p.Agreement.Share()), float32(low), float32(high)
	c.Top40, c.Pinned, c.Reached = float32(p.Top40.Share()), uint32(len(p.Pinned)), p.Reached
}
