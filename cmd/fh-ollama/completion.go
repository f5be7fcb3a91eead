package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// completionFlag, as the last argument, makes the command-line library print completions.
const completionFlag = "--generate-bash-completion"

var (
	//go:embed completion/bash
	bashCompletion string
	//go:embed completion/zsh
	zshCompletion string
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes commands in a shell",
		ArgsUsage: "bash|zsh|fish",
		Description: "For bash, add this line to ~/.bashrc, for zsh with zsh to ~/.zshrc:\n" +
			"  eval \"$(fh-ollama completion bash)\"\n" +
			"For fish:\n" +
			"  fh-ollama completion fish > ~/.config/fish/completions/fh-ollama.fish\n\n" +
			"Example: fh-ollama completion bash",
		Action: runCompletion,
	}
}

func runCompletion(c *cli.Context) error {
	if c.NArg() != 1 {
		return usageError{hint.New(fmt.Sprintf("completion takes one argument, but got %d", c.NArg()),
			"name a shell: bash, zsh or fish")}
	}
	script, err := completion(c.App, c.Args().First())
	if err != nil {
		return err
	}
	_, err = io.WriteString(c.App.Writer, script)
	return err
}

// completion returns the script for a shell.
func completion(app *cli.App, shell string) (string, error) {
	switch shell {
	case "bash":
		return bashCompletion, nil
	case "zsh":
		return zshCompletion, nil
	case "fish":
		return app.ToFishCompletion()
	}
	return "", usageError{hint.New(fmt.Sprintf("no completion for %q", shell), "name a shell: bash, zsh or fish")}
}

// withFiles makes shells offer files for arguments and values of flags that are files. For arguments they replace the
// command help, which the library adds to every command.
func withFiles(app *cli.App) {
	for _, command := range app.Commands {
		flags := cli.DefaultCompleteWithFlags(command)
		command.BashComplete = func(c *cli.Context) {
			if word := os.Args[len(os.Args)-2]; strings.HasPrefix(word, "-") { // the last is completionFlag
				flags(c)
			}
		}
		for _, flag := range command.Flags {
			if path, ok := flag.(*cli.PathFlag); ok {
				path.TakesFile = true
			}
		}
	}
}

// completing reports whether a shell asks for completions of args.
func completing(args []string) bool {
	return slices.Index(args, completionFlag) == len(args)-1 && len(args) > 0
}
