package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
	"github.com/fh-ollama/fh-ollama/plugin/doctor"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "tell whether FlashHead works here",
		ArgsUsage: "[FILE.gguf|NAME]",
		Description: "Asks the Ollama at OLLAMA_HOST whether it has FlashHead, inside or as a plug-in,\n" +
			"and which models use it, lists the devices that can, and checks a model. Ends\n" +
			"with 1 when something is wrong, and says what to do.\n\n" +
			"Example: fh-ollama doctor model-flashhead.gguf",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			&cli.PathFlag{Name: "lib", EnvVars: []string{"FH_OLLAMA_LIB"}, Usage: "`DIR` with llama-flashhead"},
		},
		Action: runDoctor,
	}
}

func runDoctor(c *cli.Context) error {
	if c.NArg() > 1 {
		return usageError{hint.New(fmt.Sprintf("doctor takes one model, not %d", c.NArg()), "see fh-ollama doctor --help")}
	}
	ollama, path, from, unknown := ollama.FromEnvironment(), "", origin.Origin{}, error(nil)
	if arg := c.Args().First(); arg != "" {
		if from, unknown = origin.Find(c.Context, ollama, arg); unknown == nil {
			path = from.Weights()
		}
	}
	report, err := doctor.Examine(c.Context, ollama, installation.Here(), native.LibDirs(c.Path("lib")), path)
	if err != nil {
		return err
	}
	report.Named(c.Args().First(), from, unknown)
	if c.Bool("json") {
		err = printJSON(c, report)
	} else {
		_, err = fmt.Fprint(c.App.Writer, report)
	}
	if err != nil {
		return err
	}
	return report.Err()
}
