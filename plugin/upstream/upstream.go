// Package upstream checks whether FlashHead goes with other versions of Ollama and llama.cpp than the pinned ones.
package upstream

import (
	"context"
	"io/fs"
	"path/filepath"
	"runtime"

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
	Series         string // folder of patches; default: the one named by the commit, else the pinned one
	Jobs           int    // parallel compilers; default: the number of processors
	Cache          string // downloads and scratch trees; default: atomicfile.CacheFolder()
}

// check is one run of Check.
type check struct {
	*build.Builder
	opts   Options
	report Report
	ours   []tree.Patch // the series
	staged tree.Tree    // llama.cpp, patched as far as possible

	configured bool
}

// build returns options for a build of everything that needs no GPU compiler.
func (o Options) build() build.Options {
	backends, _ := build.ParseBackends(nil, runtime.GOOS, runtime.GOARCH) // an empty list is always valid
	return build.Options{
		OllamaSource: o.OllamaSource, LlamaCppSource: o.LlamaCppSource, Jobs: o.Jobs, Cache: o.Cache,
		Backends: append(backends, build.BackendRPC),
	}
}

// Check reports whether FlashHead works with another Ollama and llama.cpp: whether everything holds that patches and
// sources rely on, whether each patch applies, and whether the patched files compile. It runs and installs nothing. The
// patched tree stays in the cache. Problems are in the report; the error says why there is no complete one.
func Check(
	ctx context.Context, opts Options, pins source.Pins, overlay tree.Overlay, steps *step.Steps,
) (Report, error) {
	b, err := build.New(opts.build(), pins, overlay, steps)
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
	err = c.DoIn(ctx, filepath.Join(b.Options.Cache, "upstream", c.key()), []step.Named{
		{Name: "reliance", Do: c.checkReliance},
		{Name: "patches", Do: c.tryPatches},
		{Name: "configure", Do: c.tryConfigure},
		{Name: "compile", Do: c.tryCompile},
		{Name: "plug-in", Do: c.tryPlugin},
	})
	c.report.Dir = c.LlamaTree()
	return c.report, err
}

// chooseSeries prefers the patches for this llama.cpp over the pinned ones.
func (c *check) chooseSeries(_ context.Context, st *step.Step) (err error) {
	series := c.opts.Series
	if series == "" {
		series = c.Pins.Patches.Series
		own := "llama.cpp-" + c.Pins.LlamaCpp.Commit
		if _, err := fs.Stat(c.Overlay.Patches, own); err == nil && c.opts.LlamaCppSource == "" {
			series = own
		}
	}
	c.Pins.Patches.Series = series
	c.ours, err = tree.ReadSeries(c.Overlay.Patches, series)
	c.report.Series = series
	c.readVersions()
	st.Note("%s", series)
	return err
}

func (c *check) checkReliance(_ context.Context, st *step.Step) error {
	list, err := readReliances(c.Overlay.Patches)
	if err != nil {
		return err
	}
	findings, err := compare(treesOf(c.Builder), list)
	for _, f := range findings {
		c.report.add(Row{
			Part: "relied on by " + f.For, Item: f.What, Where: f.File,
			State: string(f.State), Detail: f.Detail, Failed: f.State != OK,
		})
	}
	st.Note("%s", c.report.lastPart("relied on"))
	return err
}

// key names the scratch folder, see build.Builder.Key. Each series has a tree of its own.
func (c *check) key() string {
	return build.Hash(c.Builder.Key(), c.Pins.Patches.Series)
}

// touched returns the files of llama.cpp that the series changes.
func (c *check) touched() []string { return tree.NamedFiles(c.ours) }
