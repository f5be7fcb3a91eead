// Command hosts builds releases of Ollama, loads the plug-in into each, and prints the results as a table. It is for
// the list of versions that the plug-in was checked with (docs/upgrading.md). The releases are those of
// third_party/hosts.toml, or the ones that the arguments name.
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
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/patches"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
	"github.com/fh-ollama/fh-ollama/plugin/upstream"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

func main() {
	var build upstream.HostOptions
	prefix := flag.String("prefix", "dist", "take fh-ollama and the plug-in from the build in `DIR`")
	ggml := flag.Bool("ggml", false, "build only the ggml of each release, for the plug-in's own test")
	flag.IntVar(&build.Jobs, "jobs", runtime.NumCPU(), "run `N` compilers at once")
	harness.Program{
		Name: "hosts", Arguments: "[VERSION...]", Note: "Example: go run ./integration/cmd/hosts v0.30.0",
		Run: func(ctx context.Context, dir string) error {
			pins, err := wanted(flag.Args())
			if err != nil {
				return err
			}
			return run(ctx, dir, pins, build, *prefix, !*ggml)
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

func run(ctx context.Context, dir string, pins []source.HostPin, build upstream.HostOptions, prefix string,
	whole bool) error {
	own, err := filepath.Abs(prefix)
	if err != nil {
		return err
	}
	if build.Own, err = source.ParsePins(thirdparty.Pins); err != nil {
		return err
	}
	build.Overlay = tree.Overlay{Head: ggmlhead.Sources, Patches: patches.Files}
	build.Plugin, build.Ollama = filepath.Join(own, "lib", "flashhead", library), whole
	made := make([]upstream.HostBuild, len(pins))
	for i, pin := range pins {
		fmt.Printf("Ollama %s\n", pin.Version)
		if made[i], err = upstream.BuildHost(ctx, pin, build, step.New(os.Stdout)); err != nil {
			return err
		}
		for _, f := range made[i].Changed {
			fmt.Printf("  %s, %s: %s, %s\n", f.What, f.File, f.State, f.Detail)
		}
	}
	rows, err := checkAll(ctx, dir, pins, made, harness.Prefix(own), whole)
	if err != nil {
		return err
	}
	findings := 0
	fmt.Printf("\n%s", markdown(rows))
	for _, r := range rows {
		for _, f := range r.findings {
			findings++
			fmt.Printf("\n%s\n", f)
		}
	}
	if findings > 0 {
		return harness.ErrFindings
	}
	return nil
}

// checkAll returns the results for each release. It loads the plug-in of own into complete ones.
func checkAll(ctx context.Context, dir string, pins []source.HostPin, made []upstream.HostBuild, own harness.Prefix,
	whole bool) (rows []row, err error) {
	var pinned *reference
	if whole {
		if pinned, err = newReference(ctx, own, dir); err != nil {
			return nil, err
		}
	}
	for i, pin := range pins {
		r := newRow(pin, made[i])
		if whole {
			fmt.Printf("check %s\n", pin.Version)
			c := &check{pinned: pinned, dir: filepath.Join(dir, pin.Version)}
			if c.host, err = layOut(harness.Prefix(made[i].Prefix), own, filepath.Join(c.dir, "prefix")); err != nil {
				return nil, err
			}
			if err := r.addChecks(ctx, c); err != nil {
				return nil, err
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}
