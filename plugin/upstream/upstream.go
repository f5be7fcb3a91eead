// Package upstream checks whether FlashHead goes with other versions of Ollama and llama.cpp than the pinned ones.
package upstream

import (
	"context"
	"io/fs"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/plugin/build"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// Options names the versions to check. The zero value of a field means the pinned version or the default.
type Options struct {
	Ollama         string // version, with the leading v
	LlamaCppPython string // version of the Python package that contains llama.cpp
	OllamaSource   string // path of a checkout; wins over Ollama
	LlamaCppSource string // path of a checkout; wins over LlamaCppPython
	Cache          string // downloads and scratch trees; default: atomicfile.CacheFolder()
}

// check is one run of Check.
type check struct {
	*build.Builder
	opts   Options
	report Report
	ours   []tree.Patch // the series
}

// Check reports whether FlashHead may work with another Ollama and llama.cpp: whether everything holds that patches and
// sources rely on, and whether each patch applies. It compiles nothing. The patched tree stays in the cache. Problems
// are in the report; the error says why there is no complete one.
func Check(
	ctx context.Context, opts Options, pins source.Pins, overlay tree.Overlay, steps *step.Steps,
) (Report, error) {
	b, err := build.New(build.Options{OllamaSource: opts.OllamaSource, LlamaCppSource: opts.LlamaCppSource,
		Cache: opts.Cache}, pins, overlay, steps)
	if err != nil {
		return Report{}, err
	}
	c := &check{Builder: b, opts: opts}
	err = c.Steps.DoAll(ctx, []step.Named{
		{Name: "tools", Do: c.FindTools},
		{Name: "versions", Do: c.resolve},
		{Name: "ollama source", Do: c.FetchOllama},
		{Name: "llama.cpp source", Do: c.FetchLlamaCpp},
		{Name: "series", Do: c.chooseSeries},
	})
	if err != nil {
		return Report{}, err
	}
	key := build.Hash(b.Key(), b.Pins.Patches.Series) // each series has a tree of its own
	err = c.DoIn(ctx, filepath.Join(b.Options.Cache, "upstream", key), []step.Named{
		{Name: "reliance", Do: c.checkReliance},
		{Name: "patches", Do: c.tryPatches},
	})
	c.report.Dir = c.LlamaTree()
	return c.report, err
}

// chooseSeries prefers the patches for this llama.cpp over the pinned ones.
func (c *check) chooseSeries(_ context.Context, st *step.Step) (err error) {
	own := "llama.cpp-" + c.Pins.LlamaCpp.Commit
	if _, err := fs.Stat(c.Overlay.Patches, own); err == nil && c.opts.LlamaCppSource == "" {
		c.Pins.Patches.Series = own
	}
	c.report.Series = c.Pins.Patches.Series
	c.ours, err = tree.ReadSeries(c.Overlay.Patches, c.report.Series)
	c.readVersions()
	st.Note("%s", c.report.Series)
	return err
}

func (c *check) checkReliance(_ context.Context, st *step.Step) error {
	list, err := readReliances(c.Overlay.Patches)
	if err != nil {
		return err
	}
	findings, err := compare(treesOf(c.Builder), list)
	for _, f := range findings {
		c.report.add("relied on by "+f.For, f.File+": "+f.What, f.Detail)
	}
	st.Note("%d of %d hold", len(list)-len(findings), len(list))
	return err
}
