package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
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

func modelfileCommand() *cli.Command {
	return &cli.Command{
		Name:      "modelfile",
		Usage:     "print the Modelfile of a GGUF file or of a model in Ollama",
		ArgsUsage: "FILE.gguf|NAME",
		Description: "Prints what fh-ollama create --from registers, for ollama create -f.\n\n" +
			"Example: fh-ollama modelfile qwen3:0.6b --gguf qwen3-flashhead.gguf > Modelfile",
		Flags: []cli.Flag{
			&cli.PathFlag{Name: "gguf", Usage: "write `FILE` after FROM, e.g. the converted one"},
		},
		Action: runModelfile,
	}
}

func runModelfile(c *cli.Context) error {
	from, err := oneArgument(c, fileOrName)
	if err != nil {
		return err
	}
	m, notes, err := create.Modelfile(c.Context, ollama.FromEnvironment(), from, c.Path("gguf"))
	if err != nil {
		return err
	}
	if lost := m.Lost(); len(lost) > 0 {
		notes = append(notes, "a Modelfile cannot hold all characters of this model's "+strings.Join(lost,
			" and ")+": fh-ollama create keeps them")
	}
	text := m.String()
	if commandline.IsShown(c.App.Writer) && commandline.Printable(text) != text {
		notes = append(notes, "characters that do not print are shown as \uFFFD: write to a file to keep them")
	}
	for _, note := range notes {
		fmt.Fprintln(c.App.ErrWriter, "note:", commandline.Printable(note))
	}
	_, err = io.WriteString(c.App.Writer, text)
	return err
}
