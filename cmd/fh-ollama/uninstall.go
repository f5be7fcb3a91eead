package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/plugin/install"
)

func uninstallCommand() *cli.Command {
	return &cli.Command{
		Name:  "uninstall",
		Usage: "undo install",
		Description: "Removes the files and folders that `fh-ollama install` created, unless they were\n" +
			"changed since. Converted models stay; Ollama runs them dense.\n\n" +
			"Example: fh-ollama uninstall --dry-run",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be done, remove nothing"},
			prefixFlag("remove the patched Ollama that was installed in `DIR`"),
		},
		Action: runUninstall,
	}
}

func runUninstall(c *cli.Context) error {
	o, err := installOptions(c)
	if err != nil {
		return err
	}
	if c.IsSet("prefix") {
		return uninstallPrefix(c, o)
	}
	result, failed := install.UninstallPlugin(c.Context, o)
	if failed != nil && len(result.Changes) == 0 {
		return failed
	}
	if _, err := fmt.Fprint(c.App.Writer, result); err != nil {
		return err
	}
	return failed
}
