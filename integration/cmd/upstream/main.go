// Command upstream reports whether FlashHead would go with another Ollama and llama.cpp, and what would have to be done
// first. A VERSION that begins with v is one of Ollama; another one is of the Python package llama-cpp-python, which
// carries a llama.cpp. Of what is not named, the pinned version is taken. docs/upgrading.md says what to do with the
// result.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
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
	var opts upstream.Options
	flag.StringVar(&opts.OllamaSource, "ollama-source", "", "check the Ollama of the checkout `DIR`")
	flag.StringVar(&opts.LlamaCppSource, "llama-cpp-source", "", "check the llama.cpp of the checkout `DIR`")
	harness.Program{
		Name: "upstream", Arguments: "[VERSION...]", Note: "Example: go run ./integration/cmd/upstream v0.33.0 0.3.35",
		Run: func(ctx context.Context, _ string) error {
			if err := versions(&opts, flag.Args()); err != nil {
				return err
			}
			return run(ctx, opts)
		},
	}.Main()
}

// versions reads the arguments: at most one version of each source, and none of a source that is a checkout.
func versions(opts *upstream.Options, args []string) error {
	for _, version := range args {
		field, checkout, what := &opts.LlamaCppPython, opts.LlamaCppSource, "llama-cpp-python"
		if strings.HasPrefix(version, "v") {
			field, checkout, what = &opts.Ollama, opts.OllamaSource, "Ollama"
		}
		if *field != "" || checkout != "" {
			return hint.New(fmt.Sprintf("%q is one %s too many", version, what),
				"name one version, or a checkout, of each source")
		}
		*field = version
	}
	return nil
}

func run(ctx context.Context, opts upstream.Options) error {
	pins, err := source.ParsePins(thirdparty.Pins)
	if err != nil {
		return err
	}
	overlay := tree.Overlay{Head: ggmlhead.Sources, Patches: patches.Files}
	report, err := upstream.Check(ctx, opts, pins, overlay, step.New(os.Stdout))
	if err != nil {
		return err
	}
	report.Print(os.Stdout)
	if len(report.Problems) > 0 {
		return harness.ErrFindings
	}
	return nil
}
