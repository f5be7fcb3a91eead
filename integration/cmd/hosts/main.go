// Command hosts builds the ggml of releases of Ollama, runs the plug-in's own test with each, and prints the results as
// a table. It is for the list of versions that the plug-in was checked with (docs/upgrading.md). The releases are those
// of third_party/hosts.toml, or the ones that the arguments name.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/ggmlhead"
	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/patches"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
	"github.com/fh-ollama/fh-ollama/plugin/upstream"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

func main() {
	build := upstream.HostOptions{Overlay: tree.Overlay{Head: ggmlhead.Sources, Patches: patches.Files}}
	prefix := flag.String("prefix", "dist", "take the plug-in from the build in `DIR`")
	flag.IntVar(&build.Jobs, "jobs", runtime.NumCPU(), "run `N` compilers at once")
	harness.Program{
		Name: "hosts", Arguments: "[VERSION...]", Note: "Example: go run ./integration/cmd/hosts v0.30.0",
		Run: func(ctx context.Context, _ string) error {
			pins, err := wanted(flag.Args())
			if err != nil {
				return err
			}
			if build.Own, err = source.ParsePins(thirdparty.Pins); err != nil {
				return err
			}
			if build.Plugin, err = filepath.Abs(filepath.Join(*prefix, "lib", "flashhead", bundle.LibraryName)); err != nil {
				return err
			}
			if _, err := os.Stat(build.Plugin); err != nil {
				return hint.Wrap(err, "run make plugin first, or name another folder with --prefix")
			}
			return run(ctx, pins, build)
		},
	}.Main()
}

// wanted returns the pinned releases in versions, or all.
func wanted(versions []string) ([]source.HostPin, error) {
	all, err := source.ParseHosts(thirdparty.Hosts)
	if err != nil || len(versions) == 0 {
		return all, err
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Version)
	}
	var pins []source.HostPin
	for _, v := range versions {
		i := slices.Index(names, v)
		if i < 0 {
			return nil, hint.New(fmt.Sprintf("third_party/hosts.toml has no Ollama %s", v),
				"name one of "+strings.Join(names, ", ")+", or add it there")
		}
		pins = append(pins, all[i])
	}
	return pins, nil
}

// run checks the releases, then prints the table for docs/upgrading.md and why tests failed.
func run(ctx context.Context, pins []source.HostPin, build upstream.HostOptions) error {
	table := "| Ollama | made from, built from | ggml | relied on | plug-in's test |\n|---|---|---|---|---|\n"
	failures := ""
	for _, pin := range pins {
		fmt.Printf("Ollama %s\n", pin.Version)
		made, err := upstream.BuildHost(ctx, pin, build, step.New(os.Stdout))
		if err != nil {
			return err
		}
		for _, f := range made.Changed {
			fmt.Printf("  %s, %s: %s\n", f.What, f.File, f.Detail)
		}
		said := "passes"
		if made.Test != nil {
			said = "no"
			failures += fmt.Sprintf("\n%s, plug-in's test: %v\n", pin.Version, made.Test)
		}
		table += fmt.Sprintf("| %s | %s, %s | %s | %d of %d | %s |\n", pin.Version, pin.Wants, pin.LlamaCpp.Commit, made.GGML,
			made.Relied-len(made.Changed), made.Relied, said)
	}
	fmt.Printf("\n%s%s", table, failures)
	if failures != "" {
		return harness.ErrFindings
	}
	return nil
}
