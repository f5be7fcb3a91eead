package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/create"
	"github.com/fh-ollama/fh-ollama/internal/server"
)

func modelfileCommand() *cli.Command {
	return &cli.Command{
		Name:      "modelfile",
		Usage:     "print the Modelfile of a GGUF file or of a model in Ollama",
		ArgsUsage: "SOURCE",
		Description: "Prints what fh-ollama create --from SOURCE registers, for ollama create -f.\n\n" +
			"Example: fh-ollama modelfile qwen3:0.6b --gguf qwen3-flashhead.gguf > Modelfile",
		Flags: []cli.Flag{
			&cli.PathFlag{Name: "gguf", Usage: "write `FILE` after FROM, e.g. the converted one"},
		},
		Action: runModelfile,
	}
}

func runModelfile(c *cli.Context) error {
	from, err := oneArgument(c, "a GGUF file or the name of a model")
	if err != nil {
		return err
	}
	m, err := create.Modelfile(c.Context, server.FromEnvironment(), from, c.Path("gguf"))
	if err != nil {
		return err
	}
	fmt.Fprint(c.App.Writer, m)
	return nil
}
