package main

import (
	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
	"github.com/fh-ollama/fh-ollama/plugin/doctor"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "check whether FlashHead works here",
		ArgsUsage: "[FILE.gguf|NAME]",
		Description: "Asks the Ollama at OLLAMA_HOST whether it has FlashHead, built in or as a\n" +
			"plug-in, and which models use it. Lists the devices that support it, and checks\n" +
			"a model. If something is wrong, says what to do and exits with 1.\n\n" +
			"Example: fh-ollama doctor model-flashhead.gguf",
		Flags: []cli.Flag{
			jsonFlag(),
			libFlag("llama-flashhead"),
		},
		Action: runDoctor,
	}
}

func runDoctor(c *cli.Context) error {
	if err := atMostOne(c, "model"); err != nil {
		return err
	}
	server, arg := ollama.FromEnvironment(), c.Args().First()
	var from origin.Origin
	var unknown error
	if arg != "" {
		from, unknown = origin.FindParts(c.Context, server, arg)
	}
	var rename func(text string) string
	if from.Model {
		rename = from.Named
	}
	lib := c.Path("lib")
	report, err := doctor.Examine(c.Context, server, installation.Here(), installation.LibDirs(lib), native.Inside(lib),
		from.Paths...)
	if err != nil {
		return err
	}
	report.Named(arg, rename, unknown)
	if err := show(c, report); err != nil {
		return err
	}
	return report.Err()
}
