package build

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// LaySources plans both trees and updates their folders, after every patch applied.
func (b *Builder) LaySources(ctx context.Context, st *step.Step) error {
	ollama, llama := tree.Tree{}, tree.Tree{}
	if err := ollama.AddDir("", b.Ollama.Dir, b.Ollama.Skip); err != nil {
		return err
	}
	if err := llama.AddDir("", b.LlamaCpp.Dir, b.LlamaCpp.Skip); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(b.Dir, ScratchPrefix+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	llama, notes, err := b.patched(ctx, llama, scratch)
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
	st.Note("%s", strings.Join(append(notes, step.Count(changed, "file changed", "files changed")), ", "))
	return nil
}

// patched adds the cures; the head and our patches, unless the build is stock; and Ollama's patches, last as in its own
// build, which is told that they are applied, or it would touch the files again. Each cure must apply to the pinned
// sources. A user's sources may have fixed the fault in another way, so a cure that does not fit is left out there.
// notes names the number of our patches, and the cures that were not applied.
func (b *Builder) patched(
	ctx context.Context, llama tree.Tree, scratch string,
) (_ tree.Tree, notes []string, err error) {
	cures, err := tree.ReadSeries(b.Overlay.Patches, tree.CureFolder)
	if err != nil {
		return nil, nil, err
	}
	var ours []tree.Patch
	if !b.Options.Stock {
		if ours, err = tree.ReadSeries(b.Overlay.Patches, b.Pins.Patches.Series); err != nil {
			return nil, nil, err
		}
		if err := llama.Add("flashhead", b.Overlay.Head, tree.GoFiles); err != nil {
			return nil, nil, err
		}
	}
	compat, err := tree.CompatPatches(os.DirFS(b.Ollama.Dir))
	if err != nil {
		return nil, nil, err
	}
	p := tree.Patcher{Git: b.Tools.Git, Scratch: scratch}
	all := slices.Concat(cures, ours, compat)
	work, err := p.Stage(llama, all)
	if err != nil {
		return nil, nil, err
	}
	notes = []string{step.Count(len(ours), "patch", "patches")}
	for _, cure := range cures {
		state, err := p.Cure(ctx, work, cure)
		if err != nil && (state != tree.CureMisfit || b.Options.LlamaCppSource == "") {
			return nil, nil, err
		}
		if state != tree.CureApplied {
			notes = append(notes, "cure "+strings.TrimSuffix(cure.Name, ".patch")+" "+state)
		}
	}
	for _, patch := range ours {
		if err := p.GitApply(ctx, work, patch); err != nil {
			return nil, nil, err
		}
	}
	for _, patch := range compat {
		if p.IsIn(ctx, work, patch) {
			continue
		}
		if err := p.GitApply(ctx, work, patch); err != nil {
			return nil, nil, err
		}
	}
	llama, err = p.Staged(llama, all, work)
	return llama, notes, err
}

// Lay updates the folders of both trees, and returns how many files changed.
func (b *Builder) Lay(ollama, llama tree.Tree) (changed int, err error) {
	inOllama, err := ollama.Sync(b.ollamaTree())
	if err != nil {
		return 0, err
	}
	inLlama, err := llama.Sync(b.LlamaTree())
	b.treeKey = llama.NamesKey()
	return inOllama + inLlama, err
}
