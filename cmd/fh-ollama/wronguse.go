package main

import (
	"cmp"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// usageError marks a wrong command line. The program exits with exitWrongUse.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// wrongUse returns a usageError whose hint is the command's help.
func wrongUse(c *cli.Context, format string, args ...any) error {
	return invalid(c, fmt.Errorf(format, args...))
}

// invalid makes err a usageError. Without a hint of its own it gets the command's help.
func invalid(c *cli.Context, err error) error {
	return usageError{hint.Wrap(err, cmp.Or(hint.Of(err), "see fh-ollama "+c.Command.Name+" --help"))}
}

// fileOrName describes the argument of commands that take any model.
const fileOrName = "a GGUF file or the name of a model"

// oneArgument returns the only argument of a command; what describes it in errors.
func oneArgument(c *cli.Context, what string) (string, error) {
	if c.NArg() != 1 || c.Args().First() == "" {
		return "", wrongUse(c, "%s takes one argument, %s, not %d", c.Command.Name, what, c.NArg())
	}
	return c.Args().First(), nil
}

// atMostOne returns an error if a command has several arguments; what describes one.
func atMostOne(c *cli.Context, what string) error {
	if c.NArg() > 1 {
		return wrongUse(c, "%s takes one %s, not %d", c.Command.Name, what, c.NArg())
	}
	return nil
}

// noArgument returns an error if a command has an argument.
func noArgument(c *cli.Context) error {
	if c.NArg() > 0 {
		return wrongUse(c, "%s takes no argument, but got %q", c.Command.Name, c.Args().First())
	}
	return nil
}
