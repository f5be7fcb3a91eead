package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// LaySources plans both trees and updates their folders, after every patch applied.
func (b *Builder) LaySources(ctx context.Context, st *step.Step) error {
	ollama, pristine := tree.Tree{}, tree.Tree{}
	if err := ollama.AddDir("", b.Ollama.Dir, b.Ollama.Skip); err != nil {
		return err
	}
	if err := pristine.AddDir("", b.LlamaCpp.Dir, b.LlamaCpp.Skip); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(b.Dir, ScratchPrefix+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	cured, notes, err := b.cured(ctx, pristine, scratch)
	var llama tree.Tree
	patches := 0
	if err == nil {
		llama, patches, err = b.patched(ctx, cured, scratch)
	}
	if errors.Is(err, tree.ErrDoesNotApply) {
		way := "the patches do not fit the pinned sources: please report it"
		if b.Options.OllamaSource != "" || b.Options.LlamaCppSource != "" {
			way = "the patches are for the pinned sources; leave out --llama-cpp-source and --ollama-source to use those"
		}
		return hint.Wrap(err, way)
	}
	if err != nil {
		return err
	}
	changed, err := b.Lay(ollama, llama)
	if err != nil {
		return err
	}
	applied := step.Count(patches, "patch", "patches") + ", " + step.Count(changed, "file changed", "files changed")
	st.Note("%s", strings.Join(append([]string{applied}, notes...), ", "))
	return nil
}

// patched adds the head, unless the build is stock, and Ollama's patches. It returns the number of our patches.
// Ollama's patches come last, as in its own build, which is told that they are applied, or it would touch the files
// again.
func (b *Builder) patched(ctx context.Context, llama tree.Tree, scratch string) (_ tree.Tree, ours int, err error) {
	if !b.Options.Stock {
		series, err := tree.ReadSeries(b.Overlay.Patches, b.Pins.Patches.Series)
		if err != nil {
			return nil, 0, err
		}
		p := tree.Patcher{Git: b.Tools.Git, Scratch: filepath.Join(scratch, "head")}
		if llama, err = b.Overlay.Over(ctx, llama, series, p); err != nil {
			return nil, 0, err
		}
		ours = len(series)
	}
	compat, err := tree.CompatPatches(os.DirFS(b.Ollama.Dir))
	if err != nil {
		return nil, 0, err
	}
	p := tree.Patcher{Git: b.Tools.Git, Scratch: filepath.Join(scratch, "compat"), Applied: true}
	llama, err = p.Apply(ctx, llama, compat)
	return llama, ours, err
}

// cured adds the cures. Each must apply to the pinned sources. A user's sources may have fixed the fault in another
// way, so a cure that does not fit is left out there. notes names the cures that were not applied.
func (b *Builder) cured(ctx context.Context, llama tree.Tree, scratch string) (_ tree.Tree, notes []string, err error) {
	if b.Overlay.Patches == nil {
		return llama, nil, nil
	}
	cures, err := tree.ReadSeries(b.Overlay.Patches, tree.CureFolder)
	if err != nil {
		return nil, nil, err
	}
	p := tree.Patcher{Git: b.Tools.Git, Scratch: filepath.Join(scratch, tree.CureFolder)}
	work, err := p.Stage(llama, cures)
	if err != nil {
		return nil, nil, err
	}
	for _, cure := range cures {
		state, err := p.Cure(ctx, work, cure)
		if err != nil && (state != tree.CureMisfit || b.Options.LlamaCppSource == "") {
			return nil, nil, err
		}
		if state != tree.CureApplied {
			notes = append(notes, "cure "+strings.TrimSuffix(cure.Name, ".patch")+" "+state)
		}
	}
	llama, err = p.Staged(llama, cures, work)
	return llama, notes, err
}

// Lay updates the folders of both trees, and returns how many files changed.
func (b *Builder) Lay(ollama, llama tree.Tree) (changed int, err error) {
	inOllama, err := ollama.Sync(b.OllamaTree())
	if err != nil {
		return 0, err
	}
	inLlama, err := llama.Sync(b.LlamaTree())
	b.treeKey = llama.NamesKey()
	return inOllama + inLlama, err
}
