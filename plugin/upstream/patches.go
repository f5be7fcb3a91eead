package upstream

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/plugin/build"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// tryPatches adds the head to the tree, applies the cures, each hunk of the series and Ollama's own patches as far as
// possible, and writes the tree, with rejected hunks in files .rej.
func (c *check) tryPatches(ctx context.Context, st *step.Step) error {
	pristine := tree.Tree{}
	if err := pristine.AddDir("", c.LlamaCpp.Dir, c.LlamaCpp.Skip); err != nil {
		return err
	}
	if err := pristine.Add("flashhead", c.Overlay.Head, tree.GoFiles); err != nil {
		return err
	}
	compat, err := tree.CompatPatches(os.DirFS(c.Ollama.Dir))
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(c.Dir, build.ScratchPrefix+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	p := tree.Patcher{Git: c.Tools.Git, Scratch: scratch}
	cures, err := tree.ReadSeries(c.Overlay.Patches, tree.CureFolder)
	if err != nil {
		return err
	}
	all := slices.Concat(cures, c.ours, compat)
	work, err := p.Stage(pristine, all)
	if err != nil {
		return err
	}
	if err := c.tryCures(ctx, p, work, cures); err != nil {
		return err
	}
	for _, patch := range c.ours {
		if err := c.tryPatch(ctx, p, work, patch); err != nil {
			return err
		}
	}
	for _, patch := range compat {
		if err := c.tryCompat(ctx, p, work, pristine, patch); err != nil {
			return err
		}
	}
	if c.staged, err = p.Staged(pristine, all, work); err != nil {
		return err
	}
	ollama := tree.Tree{}
	if err := ollama.AddDir("", c.Ollama.Dir, c.Ollama.Skip); err != nil {
		return err
	}
	if _, err := c.Lay(ollama, c.staged); err != nil {
		return err
	}
	st.Note("%s", c.report.lastPart("patch"))
	return nil
}

// tryPatch applies one of our patches as far as possible.
func (c *check) tryPatch(ctx context.Context, p tree.Patcher, work string, patch tree.Patch) error {
	hunks, err := p.Try(ctx, work, patch)
	for _, h := range hunks {
		c.report.add(Row{
			Part: "patch " + patch.Name, Item: fmt.Sprintf("hunk %d", h.Number), Where: "llama.cpp/" + h.File,
			State: h.State, Detail: h.Detail, Failed: h.State == tree.HunkRejected,
		})
		if h.State == tree.HunkRejected {
			c.report.Rejected++
		}
	}
	return err
}

// tryCompat applies one of Ollama's own patches, after ours as in a build.
func (c *check) tryCompat(
	ctx context.Context, p tree.Patcher, work string, pristine tree.Tree, patch tree.Patch,
) error {
	row := Row{Part: "patch of Ollama", Item: patch.Name, Where: "ollama/llama/compat", State: tree.HunkApplies}
	if p.GitApply(ctx, work, patch, "--reverse", "--check") == nil {
		row.State = "is in already"
	} else if err := p.GitApply(ctx, work, patch); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		row.State, row.Failed = tree.HunkRejected, true
		row.Detail = err.Error()
		alone := tree.Patcher{Git: p.Git, Scratch: filepath.Join(p.Scratch, "alone-"+patch.Name)}
		if _, err := alone.Apply(ctx, pristine, []tree.Patch{patch}); err != nil {
			row.Detail += " (nor without our patches: this Ollama does not go with this llama.cpp)"
		} else {
			row.Detail += " (but without our patches it does)"
		}
	}
	c.report.add(row)
	return ctx.Err()
}

// tryCures applies the cures to the files in dir.
func (c *check) tryCures(ctx context.Context, p tree.Patcher, dir string, cures []tree.Patch) error {
	for _, cure := range cures {
		state, err := p.Cure(ctx, dir, cure)
		if err != nil && state != tree.CureMisfit {
			return err
		}
		row := Row{
			Part: "patch (cures)", Item: cure.Name, Where: "patches/" + tree.CureFolder,
			State: state, Failed: state == tree.CureMisfit,
		}
		if err != nil {
			row.Detail = err.Error()
		}
		c.report.add(row)
	}
	return nil
}
