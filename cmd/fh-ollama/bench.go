package main

import (
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/bench"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
)

func benchCommand() *cli.Command {
	d := bench.Defaults()
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure how much faster FlashHead is on this machine",
		ArgsUsage: "[FILE.gguf|NAME]",
		Description: "Runs llama-bench with each head in turn, which does not check tokens.\n" +
			"Example: fh-ollama bench --shape llama-3.2-1b  # needs no model",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "shape", Usage: "make synthetic models `NAME,...`, or all, in the cache"},
			&cli.StringSliceFlag{Name: "type",
				Usage: "their weight types `NAME,...`, or all (default: " + bench.DefaultType + ")"},
			&cli.BoolFlag{Name: "codes", Usage: "with codes, as in calibrated models"},
			&cli.StringSliceFlag{Name: "probes", Usage: "`P,P,...`, also as K/16 (default: the model's)"},
			&cli.IntSliceFlag{Name: "threads", Value: cli.NewIntSlice(d.Threads...), Usage: "numbers of threads `T,T,...`"},
			&cli.IntFlag{Name: "tokens", Value: d.Tokens, Usage: "decode `N` tokens in a run"},
			&cli.IntFlag{Name: "prompt", Usage: "also read a prompt of `N` tokens in a run"},
			&cli.IntFlag{Name: "rounds", Value: d.Rounds, Usage: "`N` runs with each head"},
			&cli.BoolFlag{Name: "answers", Usage: "also time answers of llama-server, checked and not"},
			&cli.BoolFlag{Name: "load", Usage: "also measure time and memory of loading"},
			jsonFlag(),
			&cli.BoolFlag{Name: "markdown", Usage: "print Markdown"},
			&cli.PathFlag{Name: "svg", Usage: "also write a chart to `FILE`"},
			libFlag("llama-bench"),
			quietFlag("the result and errors"),
		},
		Action: runBench,
	}
}

func runBench(c *cli.Context) error {
	if err := atMostOne(c, "model"); err != nil {
		return err
	}
	if c.Bool("json") && c.Bool("markdown") {
		return wrongUse(c, "--json and --markdown do not go together")
	}
	o := bench.Options{
		Model: c.Args().First(), Shapes: c.StringSlice("shape"), Types: c.StringSlice("type"),
		Codes:  c.Bool("codes"),
		Probes: c.StringSlice("probes"), Threads: c.IntSlice("threads"), Tokens: c.Int("tokens"), Prompt: c.Int("prompt"),
		Rounds: c.Int("rounds"), Load: c.Bool("load"), Answers: c.Bool("answers"),
		LibDir: c.Path("lib"), Version: version,
	}
	if err := o.Validate(); err != nil {
		return invalid(c, err)
	}
	explain := func(err error) error { return err }
	if o.Model != "" {
		from, err := origin.FindParts(c.Context, ollama.FromEnvironment(), o.Model)
		if err != nil {
			return err
		}
		if o.Files, explain = from.Paths, from.Explain; !from.Model {
			o.Model = filepath.Base(o.Model)
		}
	}
	return explain(bench.Print(c.Context, o, benchFormat(c), c.App.Writer, c.Path("svg"), progress.New(logOf(c))))
}

func benchFormat(c *cli.Context) bench.Format {
	switch {
	case c.Bool("json"):
		return bench.JSON
	case c.Bool("markdown"):
		return bench.Markdown
	}
	return bench.Text
}
