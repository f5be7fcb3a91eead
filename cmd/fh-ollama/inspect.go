package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/inspect"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "tell what FlashHead gains for a GGUF file",
		ArgsUsage: "FILE.gguf",
		Description: "Shows the head's share of the bytes read for every token, the most that can be\n" +
			"gained, whether FlashHead is in the file, and whether it is sound.\n\n" +
			"Example: fh-ollama inspect model.gguf",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
		Action: runInspect,
	}
}

func runInspect(c *cli.Context) error {
	path, err := oneArgument(c, "a GGUF file")
	if err != nil {
		return err
	}
	report, err := inspect.File(path)
	if err != nil {
		return err
	}
	if !c.Bool("json") {
		fmt.Fprint(c.App.Writer, report)
		return nil
	}
	return printJSON(c, report)
}
