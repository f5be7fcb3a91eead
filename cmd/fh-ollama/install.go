package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
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

// besideHost is the address of an Ollama beside a stock one, which has the port before.
const besideHost = "127.0.0.1:11435"

func prefixFlag(usage string) cli.Flag { return &cli.PathFlag{Name: "prefix", Usage: usage} }

// prefixOf returns the folder of --prefix, which excludes the flags others.
func prefixOf(c *cli.Context, others ...string) (string, error) {
	for _, other := range others {
		if typed(c, other) {
			return "", usageError{hint.New(fmt.Sprintf("--prefix does not go with --%s", other),
				"--prefix installs an Ollama of its own, the others are about the plug-in for a stock one")}
		}
	}
	if c.Path("prefix") == "" {
		return "", usageError{hint.New("--prefix names no folder", "give one, such as /opt/ollama-flashhead")}
	}
	return filepath.Abs(c.Path("prefix"))
}

// installPrefix installs the build that this program is in.
func installPrefix(c *cli.Context, o install.Options) error {
	dir, err := prefixOf(c, "ollama", "lib", "into-lib")
	if err != nil {
		return err
	}
	program, err := filepath.EvalSymlinks(o.Program)
	if err != nil {
		return err
	}
	service, stock := o.Places.Service()
	if !stock {
		service = install.ServiceAlone
	}
	result, err := install.Prefix(c.Context, install.PrefixOptions{
		From: filepath.Dir(filepath.Dir(program)), Dir: dir, Service: service, DryRun: o.DryRun})
	if err != nil {
		return err
	}
	printInstalled(c.App.Writer, result, o.DryRun)
	if _, err := user.Lookup(install.ServiceUser); !stock && err != nil {
		fmt.Fprintf(c.App.Writer, "\nnote: the service runs as the user %s, who does not exist here;\n"+
			"  create that user, or name another in the service's line User=\n", install.ServiceUser)
	}
	return nil
}

// printInstalled prints what was installed, and how to run it beside a stock Ollama.
func printInstalled(out io.Writer, r install.PrefixResult, dryRun bool) {
	verb := "installed"
	if dryRun {
		verb = "would install"
	}
	bin := func(program string) string { return commandline.Quote(filepath.Join(r.Dir, "bin", program)) }
	fmt.Fprintf(out, "%s Ollama %s in %s: %d files, %d changed\n", verb, r.Ollama, r.Dir, r.Files, r.Changed)
	fmt.Fprintf(out, `
Next, beside the Ollama that is installed:
  OLLAMA_HOST=%[1]s OLLAMA_NOPRUNE=1 %[2]s serve
  OLLAMA_HOST=%[1]s %[3]s on NAME
  OLLAMA_HOST=%[1]s %[2]s run NAME
or as a service, with the stock service's user and models:
  sudo systemctl enable --now %[4]s
To undo:
  %[3]s uninstall --prefix %[5]s
`, besideHost, bin("ollama"), bin("fh-ollama"), commandline.Quote(r.Service), commandline.Quote(r.Dir))
	if r.Beside != "" {
		fmt.Fprintf(out, "\nnote: %s was edited and stays;\n  the new version is in %s\n", r.Service, r.Beside)
	}
	if r.Shut != "" {
		fmt.Fprintf(out, "\nnote: not all users may enter %s, so a service of another user cannot start;\n"+
			"  open it to them, or choose a folder such as /opt/ollama-flashhead\n", r.Shut)
	}
}

// uninstallPrefix undoes installPrefix.
func uninstallPrefix(c *cli.Context, o install.Options) error {
	dir, err := prefixOf(c)
	if err != nil {
		return err
	}
	running := serverOf(c.Context, o.Places, dir)
	result, err := install.UninstallPrefix(dir, o.DryRun)
	if err != nil {
		return err
	}
	verb := "removed"
	if o.DryRun {
		verb = "would remove"
	}
	out := c.App.Writer
	fmt.Fprintf(out, "%s %d files from %s\n", verb, result.Removed, result.Dir)
	for _, path := range result.Kept {
		fmt.Fprintf(out, "kept %s: it was changed since it was installed\n", path)
	}
	fmt.Fprint(out, running)
	return nil
}

// serverOf returns how to stop the server of the Ollama in dir; "" if none runs.
func serverOf(ctx context.Context, places installation.Places, dir string) string {
	i, err := installation.At(ctx, places, filepath.Join(dir, "bin", "ollama"))
	switch {
	case err != nil:
		return "" // there is none
	case i.Unit != nil:
		command := i.Unit.Systemctl() + " disable --now " + commandline.Quote(i.Unit.Name)
		if !i.Unit.User {
			command = "sudo " + command
		}
		return "its service is still there: " + command + "\n"
	case i.Server != nil:
		return fmt.Sprintf("its server still runs as process %d: stop it\n", i.Server.PID)
	}
	return ""
}
