package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/inspect"
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
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
		Action: runInspect,
	}
}

func runInspect(c *cli.Context) error {
	from, err := modelArgument(c)
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
	if !c.Bool("json") {
		fmt.Fprint(c.App.Writer, report)
		return nil
	}
	return printJSON(c, report)
}
