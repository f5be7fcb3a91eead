package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/ggmlhead"
	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/processors"
	"github.com/fh-ollama/fh-ollama/patches"
	"github.com/fh-ollama/fh-ollama/plugin/build"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

func buildCommand() *cli.Command {
	return &cli.Command{
		Name:  "build",
		Usage: "build an Ollama with FlashHead from pinned sources",
		Description: "Fetches, patches and compiles Ollama and llama.cpp, then runs the result.\n" +
			"--plugin builds what `fh-ollama install` adds to a stock Ollama. Needs a C++\n" +
			"compiler, CMake and ninja; without --plugin also Go and git. FH_OLLAMA_CACHE\n" +
			"holds downloads and builds; FH_OLLAMA_PASS_ENV lists variables for compilers.\n\n" +
			"Example: fh-ollama build --prefix ~/ollama-flashhead",
		Flags: []cli.Flag{
			&cli.PathFlag{Name: "prefix", Usage: "build into `DIR` (default: dist or dist-stock)"},
			&cli.BoolFlag{Name: "plugin", Usage: "build the plug-in for a stock Ollama; takes a minute"},
			&cli.BoolFlag{Name: "stock", Usage: "build without FlashHead, for comparison"},
			&cli.PathFlag{Name: "ollama-source", Usage: "copy Ollama from the checkout `DIR`"},
			&cli.PathFlag{Name: "llama-cpp-source", Usage: "copy llama.cpp from the checkout `DIR`"},
			&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Value: processors.Usable(), Usage: "run `N` compilers at once"},
			&cli.StringFlag{Name: "cpu-variants", Value: build.CPUNative, Usage: "`WHICH` processors: native or all"},
			&cli.StringSliceFlag{Name: "without", Usage: "leave out instruction `SETS`, e.g. amx,avx512"},
			&cli.StringSliceFlag{Name: "backends",
				Usage: "build a `LIST` of cpu, rpc, cuda, metal (default: " + defaultBackends() + ")"},
			&cli.StringFlag{Name: "cuda-arch", Usage: "for GPUs in `LIST`, e.g. 86;90 (default: this machine's)"},
			&cli.BoolFlag{Name: "tests", Usage: "build the test programs and benches too"},
			&cli.BoolFlag{Name: "strict", Hidden: true, Usage: "fail if FlashHead's own sources have warnings"},
		},
		Action: runBuild,
	}
}

func runBuild(c *cli.Context) error {
	opts, err := buildOptions(c)
	if err != nil {
		return err
	}
	pins, err := source.ParsePins(thirdparty.Pins)
	if err != nil {
		return err
	}
	if c.Bool("plugin") {
		result, err := build.Plugin(c.Context, opts, pins, ggmlhead.Sources, step.New(c.App.Writer))
		if err != nil {
			return err
		}
		printPlugin(c.App.Writer, result)
		return nil
	}
	overlay := tree.Overlay{Head: ggmlhead.Sources, Patches: patches.Files}
	result, err := build.Ollama(c.Context, opts, pins, overlay, step.New(c.App.Writer))
	if err != nil {
		return err
	}
	printBuild(c.App.Writer, result)
	return nil
}

// defaultBackends returns the backends of a build without --backends.
func defaultBackends() string {
	backends, _ := build.ParseBackends(nil, runtime.GOOS, runtime.GOARCH) // an empty list is always valid
	return strings.Join(backends, ",")
}

// buildOptions turns the flags into options.
func buildOptions(c *cli.Context) (build.Options, error) {
	opts := build.Options{
		Prefix:            c.Path("prefix"),
		Stock:             c.Bool("stock"),
		OllamaSource:      c.Path("ollama-source"),
		LlamaCppSource:    c.Path("llama-cpp-source"),
		Jobs:              c.Int("jobs"),
		CPUVariants:       c.String("cpu-variants"),
		CUDAArchitectures: c.String("cuda-arch"),
		Tests:             c.Bool("tests"),
		Strict:            c.Bool("strict"),
		Version:           version,
	}
	if c.NArg() > 0 {
		return opts, usageError{hint.New(fmt.Sprintf("build takes no argument, but got %q", c.Args().First()),
			"name the folder with --prefix")}
	}
	if c.Bool("plugin") {
		for _, other := range []string{
			"stock", "ollama-source", "cpu-variants", "without", "backends", "cuda-arch", "tests",
		} {
			if typed(c, other) {
				return opts, usageError{hint.New(fmt.Sprintf("--plugin does not go with --%s", other),
					"leave one of them out: one plug-in works in any stock Ollama")}
			}
		}
	}
	if opts.Jobs < 1 {
		return opts, usageError{hint.New(fmt.Sprintf("--jobs %d", opts.Jobs), "give at least 1")}
	}
	if v := opts.CPUVariants; v != build.CPUNative && v != build.CPUAll {
		return opts, usageError{hint.New(fmt.Sprintf("--cpu-variants %q", v), "give native or all")}
	}
	var err error
	if opts.Without, err = build.ParseWithout(c.StringSlice("without"), runtime.GOARCH); err != nil {
		return opts, usageError{err}
	}
	if len(opts.Without) > 0 && opts.CPUVariants == build.CPUAll {
		return opts, usageError{hint.New("--without does not go with --cpu-variants all",
			"leave one of them out: with all variants, each machine picks the best it can run")}
	}
	if opts.Backends, err = build.ParseBackends(c.StringSlice("backends"), runtime.GOOS, runtime.GOARCH); err != nil {
		return opts, usageError{err}
	}
	if opts.CUDAArchitectures != "" && !slices.Contains(opts.Backends, build.BackendCUDA) {
		return opts, usageError{hint.New("--cuda-arch without CUDA", "add --backends cuda")}
	}
	program, err := os.Executable()
	if err != nil {
		return opts, err
	}
	opts.Program = program
	return opts, nil
}

// printBuild prints the result and the next commands.
func printBuild(out io.Writer, r build.Result) {
	prefix := commandline.Quote(commandline.Path(r.Prefix))
	fmt.Fprintf(out, "\n%s/bin/ollama is Ollama %s on llama.cpp %s, for CPUs with %s\n",
		prefix, r.Ollama, r.LlamaCpp, r.CPU)
	if r.CUDA != "" {
		fmt.Fprintf(out, "and for NVIDIA GPUs with CUDA %s, architectures: %s\n", r.CUDA, r.CUDAArchitectures)
	}
	if !r.FlashHead {
		fmt.Fprintf(out, "\nIt has no FlashHead: use it for comparisons.\n")
		return
	}
	fmt.Fprintf(out, `
Next:
  %[1]s/bin/ollama serve           in another terminal
  %[1]s/bin/fh-ollama on NAME      a model that you have pulled, or --all
  %[1]s/bin/ollama run NAME
`, prefix)
}

// printPlugin prints the result and the next commands.
func printPlugin(out io.Writer, r build.PluginResult) {
	fmt.Fprintf(out, `
%[1]s/lib/flashhead/libggml-flashhead.so is FlashHead %[2]s for a stock Ollama

Next:
  %[1]s/bin/fh-ollama install      adds it to the Ollama of this machine
  %[1]s/bin/fh-ollama on NAME      a model that you have pulled, or --all
  ollama run NAME
`, commandline.Quote(commandline.Path(r.Prefix)), r.FHOllama)
}
