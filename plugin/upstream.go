package plugin

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

	"github.com/fh-ollama/fh-ollama/internal/reliance"
)

// UpstreamOptions says with what CheckUpstream compares. The zero value of a field means its default.
type UpstreamOptions struct {
	Ollama         string // version with the leading v, instead of the pinned one
	LlamaCppPython string // version of the Python package with llama.cpp, instead of the pinned one
	OllamaSource   string // own checkout instead
	LlamaCppSource string // own checkout instead
	Series         string // folder of patches: that of the llama.cpp if there is one, else the pinned
	Jobs           int    // parallel compilers: the number of processors
	Cache          string // downloads and scratch trees: DefaultCache()
}

// upstreamCheck is one run of CheckUpstream.
type upstreamCheck struct {
	*build
	opts   UpstreamOptions
	report UpstreamReport
	ours   []Patch // the series
	staged Tree    // of llama.cpp, patched as far as possible

	configured bool
}

// build are the options of a build with everything that compiles without a GPU's compiler.
func (o UpstreamOptions) build() Options {
	return Options{
		OllamaSource: o.OllamaSource, LlamaCppSource: o.LlamaCppSource, Jobs: o.Jobs, Cache: o.Cache,
		Backends: append(defaultBackends(platform{runtime.GOOS, runtime.GOARCH}), BackendRPC),
	}
}

// CheckUpstream tells whether the head would go with another Ollama and llama.cpp: whether everything holds that patches
// and sources rely on, whether each patch applies, and whether what the patches touch compiles. Nothing of it ends in a
// prefix: the scratch tree stays in the cache, for a person to work in. Findings are in the report; the error is
// of what kept the check from being made.
func CheckUpstream(ctx context.Context, opts UpstreamOptions, pins Pins, overlay Overlay, steps *Steps) (UpstreamReport, error) {
	buildOpts, err := opts.build().withDefaults()
	if err != nil {
		return UpstreamReport{}, err
	}
	if err := makeCache(buildOpts.Cache); err != nil {
		return UpstreamReport{}, err
	}
	c := &upstreamCheck{build: &build{opts: buildOpts, pins: pins, overlay: overlay, steps: steps}, opts: opts}
	err = c.do(ctx, []namedStep{
		{"tools", c.findTools},
		{"versions", c.resolve},
		{"ollama source", c.fetchOllama},
		{"llama.cpp source", c.fetchLlamaCpp},
		{"series", c.chooseSeries},
	})
	if err != nil {
		return UpstreamReport{}, err
	}
	c.dir = filepath.Join(buildOpts.Cache, "upstream", c.key())
	c.report.Dir = c.llamaTree()
	unlock, err := c.lock()
	if err != nil {
		return UpstreamReport{}, err
	}
	defer unlock()
	err = c.do(ctx, []namedStep{
		{"reliance", c.checkReliance},
		{"patches", c.tryPatches},
		{"configure", c.tryConfigure},
		{"compile", c.tryCompile},
		{"plug-in", c.tryPlugin},
	})
	return c.report, err
}

// chooseSeries finds the patches that are for this llama.cpp, or those for the pinned one.
func (c *upstreamCheck) chooseSeries(_ context.Context, st *Step) (err error) {
	series := c.opts.Series
	if series == "" {
		series = c.pins.Patches.Series
		own := "llama.cpp-" + c.pins.LlamaCpp.Commit
		if _, err := fs.Stat(c.overlay.Patches, own); err == nil && c.opts.LlamaCppSource == "" {
			series = own
		}
	}
	c.pins.Patches.Series = series
	c.ours, err = ReadSeries(c.overlay.Patches, series)
	c.report.Series = series
	c.readVersions()
	st.Note("%s", series)
	return err
}

// reliancePlugin is whom the rows are for that name no patch.
const reliancePlugin = "plug-in"

// reliances returns the rows of the tables of patches and plug-in, in the order of whom they are for.
func (o Overlay) reliances() (items []reliance.Item, err error) {
	for _, doc := range []struct {
		fsys fs.FS
		name string
	}{{o.Patches, "README.md"}, {o.Head, "backend/README.md"}} {
		text, err := fs.ReadFile(doc.fsys, doc.name)
		if err != nil {
			return nil, err
		}
		rows, err := reliance.Read(string(text))
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
	slices.SortStableFunc(items, func(a, b reliance.Item) int { return strings.Compare(a.For, b.For) })
	return items, nil
}

// checkReliance compares all that is relied on with the sources as they come.
func (c *upstreamCheck) checkReliance(_ context.Context, st *Step) error {
	items, err := c.overlay.reliances()
	if err != nil {
		return err
	}
	checker := reliance.NewChecker(map[string]fs.FS{"ollama": os.DirFS(c.ollama.dir), "llama.cpp": os.DirFS(c.llamaCpp.dir)})
	for _, item := range items {
		f, err := checker.Check(item)
		if err != nil {
			return err
		}
		c.report.add(UpstreamRow{
			Part: "relied on by " + item.For, Item: item.What, Where: item.Place(),
			State: string(f.State), Detail: f.Detail, Failed: f.State != reliance.OK,
		})
	}
	st.Note("%s", c.report.lastPart("relied on"))
	return nil
}

// key names the scratch folder; see build.key. Another series makes another tree.
func (c *upstreamCheck) key() string {
	data, _ := json.Marshal([]any{c.build.key(), c.pins.Patches.Series})
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// touched are the files of llama.cpp that the series changes.
func (c *upstreamCheck) touched() []string { return slices.Sorted(slices.Values(namedFiles(c.ours))) }
