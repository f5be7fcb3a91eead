package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/config"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// flagsFirst moves the flags of a command before its other arguments, where the parser stops, and --config before the
// command: `convert IN.gguf -o OUT.gguf` becomes `convert -o OUT.gguf -- IN.gguf`. With --help nothing else is left.
func flagsFirst(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	global, rest := args[:1:1], args[1:]
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		n := flagWords(app.Flags, rest)
		global, rest = append(global, rest[:n]...), rest[n:]
	}
	if len(rest) == 0 || app.Command(rest[0]) == nil {
		return args
	}
	command := app.Command(rest[0])
	flags := slices.Clone(rest[:1])
	var others []string
	for rest = rest[1:]; len(rest) > 0; {
		arg := rest[0]
		if arg == "--" {
			others = append(others, rest[1:]...)
			break
		}
		if slices.Contains([]string{"--help", "-help", "-h"}, arg) {
			return append(global, command.Name, "--help")
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			others = append(others, arg)
			rest = rest[1:]
			continue
		}
		known, to := command.Flags, &flags
		if name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "="); name == configFlag {
			known, to = app.Flags, &global
		}
		n := flagWords(known, rest)
		*to = append(*to, rest[:n]...)
		rest = rest[n:]
		if n == 1 && len(rest) == 0 && takesValue(known, arg) { // let the parser report the missing value
			if to == &global {
				return global
			}
			return append(global, flags...)
		}
	}
	if others != nil {
		flags = append(append(flags, "--"), others...)
	}
	return append(global, flags...)
}

// flagWords returns the number of args that belong to the flag args[0]: one, or two with its value.
func flagWords(known []cli.Flag, args []string) int {
	if takesValue(known, args[0]) && len(args) > 1 {
		return 2
	}
	return 1
}

// takesValue reports whether the next argument is the value of the flag arg.
func takesValue(known []cli.Flag, arg string) bool {
	return slices.ContainsFunc(known, func(flag cli.Flag) bool {
		doc, ok := flag.(cli.DocGenerationFlag)
		return ok && doc.TakesValue() && slices.Contains(flag.Names(), strings.TrimLeft(arg, "-")) // not of --flag=value
	})
}

// configFlag names a settings file to use instead of the user's.
const configFlag = "config"

// withConfig makes every command of app take flags that are not on its command line from the user's settings, or from
// the file of --config, which may be before or after the command.
func withConfig(app *cli.App) {
	app.Flags = append(app.Flags, &cli.PathFlag{
		Name: configFlag, EnvVars: []string{"FH_OLLAMA_CONFIG"}, TakesFile: true,
		Usage: "take settings from `FILE` (default: fh-ollama/" + config.Name + " in your configuration folder)",
	})
	flags := map[string][]string{}
	for _, command := range app.Commands {
		for _, flag := range command.Flags {
			flags[command.Name] = append(flags[command.Name], flag.Names()[0])
		}
	}
	for _, command := range app.Commands {
		command.OnUsageError = app.OnUsageError
		command.Before = func(c *cli.Context) error {
			settings, path, err := config.Load(c.Path(configFlag), flags, command.Name)
			if err != nil {
				return usageError{err}
			}
			for _, s := range settings {
				if c.IsSet(s.Flag) {
					continue
				}
				c.App.Metadata[fromSettings(s.Flag)] = true
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

func fromSettings(flag string) string { return "settings " + flag }

// typed reports whether a flag is on the command line, and not only in the settings.
func typed(c *cli.Context, flag string) bool {
	_, settings := c.App.Metadata[fromSettings(flag)]
	return c.IsSet(flag) && !settings
}
