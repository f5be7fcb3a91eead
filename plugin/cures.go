package plugin

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
)

// cureFolder, in Overlay.Patches, has patches that mend faults of llama.cpp itself. They go into every build, stock too.
const cureFolder = "cures"

// What became of a cure.
const (
	cureApplied = "applied"
	cureThere   = "is in already"
	cureMisfit  = "does not fit"
)

// cure applies one cure to the files in dir and says what became of it.
func (p patcher) cure(ctx context.Context, dir string, cure Patch) (state string, err error) {
	if p.gitApply(ctx, dir, cure, "--reverse", "--check") == nil {
		return cureThere, nil
	}
	switch err = p.gitApply(ctx, dir, cure); {
	case errors.Is(err, errDoesNotApply):
		return cureMisfit, err
	default:
		return cureApplied, err
	}
}

// cured is the tree with all cures that it needs. In pinned sources each has to fit; those of a user's own may have mended
// the fault in another way, so there one that does not fit is left out. The notes say what was not applied.
func (b *build) cured(ctx context.Context, llama Tree, scratch string) (_ Tree, notes []string, err error) {
	if b.overlay.Patches == nil {
		return llama, nil, nil
	}
	cures, err := ReadSeries(b.overlay.Patches, cureFolder)
	if err != nil {
		return nil, nil, err
	}
	p := patcher{git: b.tools.Git, scratch: filepath.Join(scratch, cureFolder)}
	work, err := p.stage(llama, cures)
	if err != nil {
		return nil, nil, err
	}
	for _, cure := range cures {
		state, err := p.cure(ctx, work, cure)
		if err != nil && (state != cureMisfit || b.opts.LlamaCppSource == "") {
			return nil, nil, err
		}
		if state != cureApplied {
			notes = append(notes, "cure "+strings.TrimSuffix(cure.Name, ".patch")+" "+state)
		}
	}
	llama, err = p.staged(llama, cures, work)
	return llama, notes, err
}

// tryCures applies the cures to the files in dir, with a row for each.
func (c *upstreamCheck) tryCures(ctx context.Context, p patcher, dir string, cures []Patch) error {
	for _, cure := range cures {
		state, err := p.cure(ctx, dir, cure)
		if err != nil && state != cureMisfit {
			return err
		}
		row := UpstreamRow{Part: "patch (cures)", Item: cure.Name, Where: "patches/" + cureFolder, State: state, Failed: state == cureMisfit}
		if err != nil {
			row.Detail = err.Error()
		}
		c.report.add(row)
	}
	return nil
}
