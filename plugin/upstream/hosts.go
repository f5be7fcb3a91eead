package upstream

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/plugin/build"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// HostOptions says how to check a host, a release of Ollama that loads the plug-in.
type HostOptions struct {
	Own     source.Pins // of this repository; the plug-in is compiled with its llama.cpp
	Plugin  string      // path of the library to test
	Jobs    int         // parallel compilers; default: the number of processors
	Cache   string      // downloads and build folders; default: atomicfile.CacheFolder()
	Overlay tree.Overlay
}

// HostBuild is the result of BuildHost.
type HostBuild struct {
	GGML    string    // version of ggml in the sources
	Relied  int       // number of reliances of the plug-in
	Changed []Finding // those that do not hold
	Test    error     // of the plug-in's test, with its output; nil if it passed
}

// BuildHost builds the ggml of a release of Ollama for the CPU, runs the plug-in's own test with it, and compares the
// sources with what the plug-in relies on.
func BuildHost(ctx context.Context, pin source.HostPin, host HostOptions, steps *step.Steps) (HostBuild, error) {
	pins := source.Pins{
		Ollama:   source.OllamaPin{Module: host.Own.Ollama.Module, Version: pin.Version, Sum: pin.Sum},
		LlamaCpp: pin.LlamaCpp,
	}
	opts := build.Options{Stock: true, Backends: []string{build.BackendCPU}, Jobs: host.Jobs, Cache: host.Cache}
	b, err := build.New(opts, pins, host.Overlay, steps)
	if err != nil {
		return HostBuild{}, err
	}
	if err := b.Fetch(ctx); err != nil {
		return HostBuild{}, err
	}
	made := HostBuild{GGML: ggmlOf(b.LlamaCpp.Dir)}
	if made.Relied, made.Changed, err = compareLibrary(b.Overlay.Patches, treesOf(b)); err != nil {
		return HostBuild{}, err
	}
	err = b.DoIn(ctx, filepath.Join(b.Options.Cache, "build", b.Key()), []step.Named{
		{Name: "lay sources", Do: b.LaySources},
		{Name: "configure", Do: b.Configure},
		{Name: "compile ggml", Do: b.CompileGGML},
		{Name: "test of the plug-in", Do: func(ctx context.Context, st *step.Step) (err error) {
			made.Test, err = b.TestOnHost(ctx, st, host.Own.LlamaCpp, host.Plugin)
			return err
		}},
	})
	return made, err
}

// compareLibrary checks the reliances of the plug-in library. It returns their number and those that do not hold.
func compareLibrary(patches fs.FS, trees map[string]fs.FS) (compared int, changed []Finding, err error) {
	list, err := readReliances(patches)
	if err != nil {
		return 0, nil, err
	}
	list = slices.DeleteFunc(list, func(r Reliance) bool { return r.For != pluginLibrary })
	changed, err = compare(trees, list)
	return len(list), changed, err
}
