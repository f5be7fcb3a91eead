package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/plugin/install"
)

func installCommand() *cli.Command {
	return &cli.Command{
		Name:  "install",
		Usage: "add FlashHead to the Ollama on this machine",
		Description: "Copies the plug-in, which is inside a released fh-ollama (otherwise `fh-ollama\n" +
			"build --plugin` makes it), to a folder of yours or of the system, and makes\n" +
			"`ollama serve` load it. A service gets a systemd drop-in; if there is none, the\n" +
			"command that starts Ollama with the plug-in is printed. It works for models that\n" +
			"run on the CPU. No file of Ollama is changed.\n" +
			"With --prefix, installs the patched Ollama of `fh-ollama build` instead, in a\n" +
			"folder of its own, with a service of its own.\n\n" +
			"Example: fh-ollama install --dry-run",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be done, write nothing"},
			&cli.BoolFlag{Name: "into-lib", Usage: "place the plug-in beside Ollama's libraries"},
			&cli.PathFlag{Name: "ollama", Usage: "the Ollama whose executable is `PATH`"},
			&cli.PathFlag{Name: "lib", Usage: "the plug-in is `FILE`"},
			prefixFlag("install the patched Ollama in `DIR`, beside a stock one"),
		},
		Action: runInstall,
	}
}

func runInstall(c *cli.Context) error {
	o, err := installOptions(c)
	if err != nil {
		return err
	}
	if c.IsSet("prefix") {
		return installPrefix(c, o)
	}
	o.Ollama, o.Library, o.IntoLib = c.Path("ollama"), c.Path("lib"), c.Bool("into-lib")
	o.Built, o.Bundle = install.BuiltLibrary(), bundle.Own()
	result, err := install.Plugin(c.Context, o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c.App.Writer, result)
	return err
}

// installOptions returns the options that install and uninstall share.
func installOptions(c *cli.Context) (install.Options, error) {
	if err := noArgument(c); err != nil {
		return install.Options{}, err
	}
	program, err := os.Executable()
	if err != nil {
		return install.Options{}, err
	}
	return install.Options{DryRun: c.Bool("dry-run"), Program: program, Places: installation.Here()}, nil
}
