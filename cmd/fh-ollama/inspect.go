package main

import (
	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/inspect"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show what FlashHead can gain for a model",
		ArgsUsage: "FILE.gguf|NAME",
		Description: "Shows the head's share of the bytes read for every token, the most that can be\n" +
			"gained, whether FlashHead is in the file, and whether it is sound. NAME is a\n" +
			"model in the Ollama at OLLAMA_HOST.\n\n" +
			"Example: fh-ollama inspect qwen3:0.6b",
		Flags:  []cli.Flag{jsonFlag()},
		Action: runInspect,
	}
}

func runInspect(c *cli.Context) error {
	model, err := oneArgument(c, fileOrName)
	if err != nil {
		return err
	}
	from, err := origin.FindParts(c.Context, ollama.FromEnvironment(), model)
	if err != nil {
		return err
	}
	report, err := inspect.File(from.Paths...)
	if err != nil {
		return from.Explain(err)
	}
	if from.Model {
		report.Name = from.Arg
	}
	return show(c, report)
}
