package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
)

// oneArgument returns the only argument of a command; what describes it in errors.
func oneArgument(c *cli.Context, what string) (string, error) {
	if c.NArg() != 1 || c.Args().First() == "" {
		return "", usageError{hint.New(fmt.Sprintf("%s takes one argument, %s, not %d", c.Command.Name, what, c.NArg()),
			"see fh-ollama "+c.Command.Name+" --help")}
	}
	return c.Args().First(), nil
}

// fileOrName describes the argument of commands that take any model.
const fileOrName = "a GGUF file or the name of a model"

// modelArgument resolves the only argument of a command, a model in any number of files.
func modelArgument(c *cli.Context) (origin.Origin, error) {
	arg, err := oneArgument(c, fileOrName)
	if err != nil {
		return origin.Origin{}, err
	}
	return origin.FindParts(c.Context, ollama.FromEnvironment(), arg)
}
