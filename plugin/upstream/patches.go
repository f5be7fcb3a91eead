package upstream

import (
	"context"
	"os"
	"slices"

	"github.com/fh-ollama/fh-ollama/plugin/build"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// tryPatches applies the cures, each hunk of the series and Ollama's own patches as far as possible, and writes the
// tree, with rejected hunks in files .rej.
func (c *check) tryPatches(ctx context.Context, st *step.Step) error {
	pristine := tree.Tree{}
	if err := pristine.AddDir("", c.LlamaCpp.Dir, c.LlamaCpp.Skip); err != nil {
		return err
	}
	if err := pristine.Add("flashhead", c.Overlay.Head, tree.GoFiles); err != nil {
		return err
	}
	cures, err := tree.ReadSeries(c.Overlay.Patches, tree.CureFolder)
	if err != nil {
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
	all := slices.Concat(cures, c.ours, compat)
	work, err := p.Stage(pristine, all)
	if err != nil {
		return err
	}
	known := len(c.report.Problems)
	if err := c.tryCures(ctx, p, work, cures); err != nil {
		return err
	}
	for _, patch := range c.ours {
		rejected, err := p.Try(ctx, work, patch)
		if err != nil {
			return err
		}
		for _, reason := range rejected {
			c.report.add("patch", patch.Name, reason)
		}
	}
	for _, patch := range compat { // as in a build, after ours, and some are in already
		if p.IsIn(ctx, work, patch) {
			continue
		}
		if err := p.GitApply(ctx, work, patch); err != nil {
			c.report.add("patch of Ollama", patch.Name, err.Error())
		}
	}
	st.Note("%s, %s", step.Count(len(all), "patch", "patches"),
		step.Count(len(c.report.Problems)-known, "problem", "problems"))
	patched, err := p.Staged(pristine, all, work)
	if err != nil {
		return err
	}
	ollama := tree.Tree{}
	if err := ollama.AddDir("", c.Ollama.Dir, c.Ollama.Skip); err != nil {
		return err
	}
	if _, err := c.Lay(ollama, patched); err != nil {
		return err
	}
	return ctx.Err()
}

// tryCures applies the cures to the files in dir.
func (c *check) tryCures(ctx context.Context, p tree.Patcher, dir string, cures []tree.Patch) error {
	for _, cure := range cures {
		switch state, err := p.Cure(ctx, dir, cure); {
		case state == tree.CureMisfit:
			c.report.add("cure", cure.Name, err.Error())
		case err != nil:
			return err
		case state != tree.CureApplied:
			c.report.add("cure", cure.Name, state+": upstream has it, drop ours")
		}
	}
	return nil
}
