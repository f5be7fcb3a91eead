// Command real lists the models and texts for tests on real models, or fetches them by pip and prints their paths. They
// are pinned in third_party/real.toml and stay in the cache.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/integration/real"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/table"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

func main() {
	harness.Program{
		Name: "real", Arguments: "[fetch [NAME|KIND...]]",
		Note: "Without arguments it lists what there is. Example: go run ./integration/cmd/real fetch smollm2-135m english",
		Run: func(ctx context.Context, _ string) error {
			cache, err := real.Open()
			if err != nil {
				return err
			}
			switch flag.Arg(0) {
			case "":
				fmt.Print(list(cache))
				return nil
			case "fetch":
				return fetch(ctx, cache, flag.Args()[1:])
			}
			return hint.New(fmt.Sprintf("unknown argument %q", flag.Arg(0)), "see --help")
		},
	}.Main()
}

// list returns a line for each model and text.
func list(cache *real.Cache) string {
	lines := table.New("llrll", "name", "kind", "kB", "licence", "in the cache")
	for _, f := range cache.Pins.Files() {
		var licenses []string
		for _, w := range cache.Pins.WheelsOf(f) {
			if !slices.Contains(licenses, w.License) {
				licenses = append(licenses, w.License)
			}
		}
		where := "no"
		if cache.Has(f) {
			where = cache.Path(f)
		}
		lines.Row(f.Name, f.Kind(), fmt.Sprint((f.Size+500)/1000), strings.Join(licenses, ", "), where)
	}
	return lines.Text()
}

// fetch fetches the models and texts whose name or kind is in names, or all.
func fetch(ctx context.Context, cache *real.Cache, names []string) error {
	wanted, err := choose(cache.Pins.Files(), names)
	if err != nil {
		return err
	}
	steps := step.New(os.Stderr)
	for _, f := range wanted {
		if err := steps.Do(f.Name, func(st *step.Step) error {
			_, err := cache.Fetch(ctx, st, f)
			return err
		}); err != nil {
			return err
		}
	}
	for _, f := range wanted {
		fmt.Println(cache.Path(f))
	}
	return nil
}

func choose(files []real.File, names []string) ([]real.File, error) {
	if len(names) == 0 {
		return files, nil
	}
	var wanted []real.File
	known := map[string]bool{}
	for _, f := range files {
		known[f.Name], known[f.Kind()] = true, true
		if slices.Contains(names, f.Name) || slices.Contains(names, f.Kind()) {
			wanted = append(wanted, f)
		}
	}
	for _, name := range names {
		if !known[name] {
			return nil, hint.New(fmt.Sprintf("no model, text or kind %q", name),
				"go run ./integration/cmd/real lists them")
		}
	}
	return wanted, nil
}
