package main

import (
	"bytes"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/evaluation/page"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
)

func evalCommand() *cli.Command {
	d := evaluation.Defaults()
	return &cli.Command{
		Name:      "eval",
		Usage:     "measure fidelity and speed of FlashHead",
		ArgsUsage: "FILE.gguf|NAME",
		Description: "Compares FlashHead with the dense head of a converted model.\n" +
			"The patched build's checks of tokens (docs/exact.md) are off for it.\n\n" +
			"Example: fh-ollama eval model-flashhead.gguf --text book.txt --probes 128,256",
		Flags: []cli.Flag{
			&cli.PathFlag{Name: "text", Usage: "read `FILE` (default: a built-in text of several kinds)"},
			&cli.IntSliceFlag{Name: "probes", Usage: "`P,P,...` to compare with the model's own"},
			&cli.IntFlag{Name: "chunks", Usage: "read at most `N` chunks of the text, 32 of the built-in one"},
			&cli.IntFlag{Name: "ctx", Usage: fmt.Sprintf("`N` tokens per chunk (default: %d, or the model's)",
				evaluation.DefaultContext)},
			&cli.IntFlag{Name: "predict", Value: d.Predict, Usage: "`N` tokens per continuation, 0 for none"},
			&cli.StringFlag{Name: "mode", Value: d.Mode, Usage: "choose clusters by `MODE`: top or sample"},
			&cli.Float64Flag{Name: "temperature", Value: d.Temperature, Usage: "temperature `T` of draws in mode sample"},
			&cli.UintFlag{Name: "seed", Usage: "random seed `S` of draws in mode sample"},
			&cli.IntFlag{Name: "threads", Value: d.Threads, Usage: "number of threads, `T`"},
			jsonFlag(),
			&cli.PathFlag{Name: "html", Usage: "also write a page with charts to `FILE`"},
			libFlag("llama-perplexity"),
			quietFlag("the result and errors"),
		},
		Action: runEval,
	}
}

func runEval(c *cli.Context) error {
	model, err := oneArgument(c, fileOrName)
	if err != nil {
		return err
	}
	seed, err := seedOf(c)
	if err != nil {
		return err
	}
	o := evaluation.Options{
		Text: c.Path("text"), Probes: c.IntSlice("probes"), Chunks: c.Int("chunks"), Context: c.Int("ctx"),
		Predict: c.Int("predict"), Mode: c.String("mode"), Temperature: c.Float64("temperature"), Seed: seed,
		Threads: c.Int("threads"), LibDir: c.Path("lib"), Version: version,
	}
	if err := o.Validate(); err != nil {
		return invalid(c, err)
	}
	from, err := origin.FindParts(c.Context, ollama.FromEnvironment(), model)
	if err != nil {
		return err
	}
	if o.Files = from.Paths; from.Model {
		o.Name = from.Arg
	}
	var html *atomicfile.File // begun now, so that a failure shows before a long measurement
	if path := c.Path("html"); path != "" {
		if html, err = atomicfile.Create(path, "--html", page.About, false); err != nil {
			return err
		}
		defer html.Discard()
	}
	report, err := evaluation.Evaluate(c.Context, o, progress.New(logOf(c)))
	if err != nil {
		return from.Explain(err)
	}
	if err := show(c, report); err != nil || html == nil {
		return err
	}
	var text bytes.Buffer
	if err := page.Write(&text, report); err != nil {
		return html.Explain(fmt.Errorf("the page: %w", err))
	}
	return html.Complete(text.Bytes())
}
