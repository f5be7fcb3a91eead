package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/config"
	"github.com/fh-ollama/fh-ollama/internal/finite"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// flagsFirst moves the flags of a command before its other arguments, because the parser stops at the first of those:
// `convert IN.gguf -o OUT.gguf` becomes `convert -o OUT.gguf -- IN.gguf`.
func flagsFirst(app *cli.App, args []string) []string {
	if len(args) < 3 {
		return args
	}
	command := app.Command(args[1])
	if command == nil {
		return args
	}
	takesValue := map[string]bool{}
	for _, flag := range command.Flags {
		for _, name := range flag.Names() {
			doc, ok := flag.(cli.DocGenerationFlag)
			takesValue[name] = ok && doc.TakesValue()
		}
	}
	flags := slices.Clone(args[:2])
	var others []string
	for rest := args[2:]; len(rest) > 0; rest = rest[1:] {
		arg := rest[0]
		if arg == "--" {
			others = append(others, rest[1:]...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			others = append(others, arg)
			continue
		}
		flags = append(flags, arg)
		if !takesValue[strings.TrimLeft(arg, "-")] { // true for --flag=value, too
			continue
		}
		if len(rest) == 1 {
			return flags // so that the parser misses the value
		}
		flags = append(flags, rest[1])
		rest = rest[1:]
	}
	if others == nil {
		return flags
	}
	return append(append(flags, "--"), others...)
}

// withConfig makes every command of app take what is not on its command line from fh-ollama.toml.
func withConfig(app *cli.App) {
	flags := map[string][]string{}
	for _, command := range app.Commands {
		for _, flag := range command.Flags {
			flags[command.Name] = append(flags[command.Name], flag.Names()[0])
		}
	}
	for _, command := range app.Commands {
		command.OnUsageError = app.OnUsageError
		command.Before = func(c *cli.Context) error {
			settings, path, err := config.Load(config.Paths(), flags, command.Name)
			if err != nil {
				return usageError{err}
			}
			for _, s := range settings {
				if c.IsSet(s.Flag) {
					continue
				}
				for _, value := range s.Values {
					if err := c.Set(s.Flag, value); err != nil {
						return usageError{hint.Wrap(fmt.Errorf("%s: [%s] %s = %s: %w", path, command.Name, s.Flag, value, err),
							"give it as you would after the flag")}
					}
				}
			}
			return nil
		}
	}
}

// printJSON prints a result for programs.
func printJSON(c *cli.Context, result any) error {
	text, err := finite.JSON(result)
	if err != nil {
		return err
	}
	_, err = c.App.Writer.Write(text)
	return err
}
