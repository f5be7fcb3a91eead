package tree

import (
	"context"
	"errors"
)

// CureFolder, in Overlay.Patches, holds patches for faults of llama.cpp itself. They go into every build, stock too.
const CureFolder = "cures"

// States of a cure.
const (
	CureApplied = "applied"
	cureThere   = "is in already"
	CureMisfit  = "does not fit"
)

// Cure applies a cure to the files in dir.
func (p Patcher) Cure(ctx context.Context, dir string, cure Patch) (state string, err error) {
	if p.IsIn(ctx, dir, cure) {
		return cureThere, nil
	}
	switch err = p.GitApply(ctx, dir, cure); {
	case errors.Is(err, ErrDoesNotApply):
		return CureMisfit, err
	default:
		return CureApplied, err
	}
}
