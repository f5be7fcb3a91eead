package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/modelfile/create"
)

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
