// Package upstream checks whether FlashHead goes with other versions of Ollama and llama.cpp than the pinned ones.
package upstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/plugin/build"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// Options says with what CheckUpstream compares. The zero value of a field means its default.
type Options struct {
	Ollama         string // version with the leading v, instead of the pinned one
	LlamaCppPython string // version of the Python package with llama.cpp, instead of the pinned one
	OllamaSource   string // own checkout instead
	LlamaCppSource string // own checkout instead
	Series         string // folder of patches: that of the llama.cpp if there is one, else the pinned
	Jobs           int    // parallel compilers: the number of processors
	Cache          string // downloads and scratch trees: DefaultCache()
}

// check is one run of CheckUpstream.
type check struct {
	*build.Builder
	opts   Options
	report Report
	ours   []tree.Patch // the series
	staged tree.Tree    // of llama.cpp, patched as far as possible

	configured bool
}

// build are the options of a build with everything that compiles without a GPU's compiler.
func (o Options) build() build.Options {
	backends, _ := build.ParseBackends(nil, runtime.GOOS, runtime.GOARCH) // an empty list is never wrong
	return build.Options{
		OllamaSource: o.OllamaSource, LlamaCppSource: o.LlamaCppSource, Jobs: o.Jobs, Cache: o.Cache,
		Backends: append(backends, build.BackendRPC),
	}
}

// Check tells whether the head would go with another Ollama and llama.cpp: whether everything holds that patches
// and sources rely on, whether each patch applies, and whether what the patches touch compiles. Nothing of it ends in a
// prefix: the scratch tree stays in the cache, for a person to work in. Findings are in the report; the error is
// of what kept the check from being made.
func Check(ctx context.Context, opts Options, pins source.Pins, overlay tree.Overlay, steps *step.Steps) (Report, error) {
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
	c.Dir = filepath.Join(b.Options.Cache, "upstream", c.key())
	c.report.Dir = c.LlamaTree()
	unlock, err := c.Lock()
	if err != nil {
		return Report{}, err
	}
	defer unlock()
	err = c.Steps.DoAll(ctx, []step.Named{
		{Name: "reliance", Do: c.checkReliance},
		{Name: "patches", Do: c.tryPatches},
		{Name: "configure", Do: c.tryConfigure},
		{Name: "compile", Do: c.tryCompile},
		{Name: "plug-in", Do: c.tryPlugin},
	})
	return c.report, err
}

// chooseSeries finds the patches that are for this llama.cpp, or those for the pinned one.
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

// reliancePlugin is whom the rows are for that name no patch.
const reliancePlugin = "plug-in"

// reliances returns the rows of the tables of patches and plug-in, in the order of whom they are for.
func reliances(o tree.Overlay) (items []Item, err error) {
	for _, doc := range []struct {
		fsys fs.FS
		name string
	}{{o.Patches, "README.md"}, {o.Head, "hosts/plugin/README.md"}} {
		text, err := fs.ReadFile(doc.fsys, doc.name)
		if err != nil {
			return nil, err
		}
		rows, err := Read(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", doc.name, err)
		}
		items = append(items, rows...)
	}
	for i := range items {
		if items[i].For == "" {
			items[i].For = reliancePlugin
		}
	}
	slices.SortStableFunc(items, func(a, b Item) int { return strings.Compare(a.For, b.For) })
	return items, nil
}

// checkReliance compares all that is relied on with the sources as they come.
func (c *check) checkReliance(_ context.Context, st *step.Step) error {
	items, err := reliances(c.Overlay)
	if err != nil {
		return err
	}
	checker := NewChecker(map[string]fs.FS{"ollama": os.DirFS(c.Ollama.Dir), "llama.cpp": os.DirFS(c.LlamaCpp.Dir)})
	for _, item := range items {
		f, err := checker.Check(item)
		if err != nil {
			return err
		}
		c.report.add(Row{
			Part: "relied on by " + item.For, Item: item.What, Where: item.Place(),
			State: string(f.State), Detail: f.Detail, Failed: f.State != OK,
		})
	}
	st.Note("%s", c.report.lastPart("relied on"))
	return nil
}

// key names the scratch folder; see build.key. Another series makes another tree.
func (c *check) key() string {
	data, _ := json.Marshal([]any{c.Builder.Key(), c.Pins.Patches.Series})
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// touched are the files of llama.cpp that the series changes.
func (c *check) touched() []string { return slices.Sorted(slices.Values(tree.NamedFiles(c.ours))) }
