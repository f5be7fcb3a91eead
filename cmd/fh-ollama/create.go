package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/modelfile/create"
	"github.com/fh-ollama/fh-ollama/plugin/doctor"
)

func createCommand() *cli.Command {
	return &cli.Command{
		Name:      "create",
		Usage:     "make a model with FlashHead in the Ollama at OLLAMA_HOST",
		ArgsUsage: "[NAME]",
		Description: "Keeps template, parameters and the like. NAME is SOURCE-flashhead by default.\n\n" +
			"Example: fh-ollama create --from qwen3:0.6b && ollama run qwen3:0.6b-flashhead",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "`SOURCE`: a GGUF file, or the name of a model in Ollama"},
			&cli.PathFlag{Name: "keep", Usage: "keep the converted file as `FILE`, and a Modelfile"},
			&cli.BoolFlag{Name: "force", Usage: "replace a model called NAME, and FILE"},
			quietFlag("errors"),
		}, convertFlags()...),
		Action: runCreate,
	}
}

func runCreate(c *cli.Context) error {
	if err := atMostOne(c, "name"); err != nil {
		return err
	}
	from := c.String("from")
	if from == "" {
		return usageError{hint.New("create needs --from", "give it a GGUF file or the name of a model in Ollama")}
	}
	options, err := convertOptions(c, from, "")
	if err != nil {
		return err
	}
	result, err := create.Run(c.Context, create.Options{
		Name: c.Args().First(), From: from, Keep: c.Path("keep"), Force: c.Bool("force"),
		Convert: options, Server: ollama.FromEnvironment(),
	}, progress.New(logOf(c)))
	if err != nil {
		return err
	}
	if !result.Version.Patched() {
		result.Plugin = doctor.PluginOf(c.Context, installation.Here()).Library != ""
	}
	if !c.Bool("quiet") {
		fmt.Fprint(c.App.Writer, result)
	}
	return nil
}
