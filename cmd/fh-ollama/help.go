package main

import (
	"fmt"
	"regexp"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// commandHelp takes less space than the default template.
const commandHelp = `{{.HelpName}} - {{.Usage}}

Usage: {{.HelpName}}{{if .VisibleFlags}} [options]{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}

{{.Description}}

Options:{{range .VisibleFlags}}
  {{.}}{{end}}
`

// noise matches useless parts of a flag's description: that it is off or unset, and that a list may be repeated.
var noise = regexp.MustCompile(` \(default: (false|0)\)| \[ --\S+ \S+ \]`)

// The library has these as variables of its own.
func init() {
	cli.CommandHelpTemplate = commandHelp
	cli.VersionPrinter = func(c *cli.Context) {
		fmt.Fprintf(c.App.Writer, "%s version %s\nplug-in inside: %s\n", c.App.Name, c.App.Version, inside())
	}
	describe := cli.FlagStringer
	cli.FlagStringer = func(flag cli.Flag) string { return noise.ReplaceAllString(describe(flag), "") }
}

func helpCommand() *cli.Command {
	return &cli.Command{
		Name:        "help",
		Usage:       "show help for the program or for a command",
		ArgsUsage:   "[COMMAND]",
		Description: "The same as COMMAND --help.\n\nExample: fh-ollama help convert",
		Action: func(c *cli.Context) error {
			switch word := c.Args().First(); {
			case c.NArg() > 1:
				return usageError{hint.New(fmt.Sprintf("help takes one command, not %d", c.NArg()), "see fh-ollama help")}
			case c.NArg() == 0:
				return c.App.RunContext(c.Context, []string{c.App.Name, "--help"})
			case c.App.Command(word) == nil:
				return noCommand(c.App, word)
			default:
				return c.App.RunContext(c.Context, []string{c.App.Name, word, "--help"})
			}
		},
	}
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Description: "Also tells which plug-in is inside, and the newest symbols of the C and C++\n" +
			"library that it needs. The same as --version.\n\nExample: fh-ollama version",
		Action: func(c *cli.Context) error {
			if err := noArgument(c); err != nil {
				return err
			}
			cli.ShowVersion(c)
			return nil
		},
	}
}

// inside describes the plug-in inside this program.
func inside() string {
	own := bundle.Own()
	if own.Empty() {
		return "none"
	}
	about, err := own.About()
	if err != nil {
		return err.Error()
	}
	return about.String()
}
