package main

import (
	"context"
	"fmt"
	"io"
	"os/user"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/plugin/install"
)

// besideHost is where an Ollama beside a stock one listens: the next port.
const besideHost = "127.0.0.1:11435"

func prefixFlag(usage string) cli.Flag { return &cli.PathFlag{Name: "prefix", Usage: usage} }

// prefixOf returns the folder of --prefix, which does not go with the other flags.
func prefixOf(c *cli.Context, others ...string) (string, error) {
	for _, other := range others {
		if c.IsSet(other) {
			return "", usageError{hint.New(fmt.Sprintf("--prefix does not go with --%s", other),
				"--prefix installs an Ollama of its own, the others are about the plug-in for a stock one")}
		}
	}
	if c.Path("prefix") == "" {
		return "", usageError{hint.New("--prefix names no folder", "give one, such as /opt/ollama-flashhead")}
	}
	return filepath.Abs(c.Path("prefix"))
}

// installPrefix installs the build that this program, in its bin, belongs to.
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
		fmt.Fprintf(c.App.Writer,
			"\nnote: the service runs as the user %s, whom this machine lacks;\n  make that user, or name another in the "+
				"service's line User=\n", install.ServiceUser)
	}
	return nil
}

// printInstalled says what was installed and how it is run beside a stock Ollama.
func printInstalled(out io.Writer, r install.PrefixResult, dryRun bool) {
	verb := "installed"
	if dryRun {
		verb = "would install"
	}
	bin := func(program string) string { return commandline.Quote(filepath.Join(r.Dir, "bin", program)) }
	fmt.Fprintf(out, "%s Ollama %s in %s: %d files, %d changed\n", verb, r.Ollama, r.Dir, r.Files, r.Changed)
	fmt.Fprintf(out, `
Next, beside an Ollama that goes on as it is:
  OLLAMA_HOST=%[1]s OLLAMA_NOPRUNE=1 %[2]s serve
  OLLAMA_HOST=%[1]s %[3]s create NAME-flashhead --from NAME
  OLLAMA_HOST=%[1]s %[2]s run NAME-flashhead
or as a service, with the user and the models of Ollama's:
  sudo systemctl enable --now %[4]s
The way back:
  %[3]s uninstall --prefix %[5]s
`, besideHost, bin("ollama"), bin("fh-ollama"), commandline.Quote(r.Service), commandline.Quote(r.Dir))
	if r.Beside != "" {
		fmt.Fprintf(out, "\nnote: %s is not as fh-ollama wrote it and stays;\n  what it would be now is in %s\n", r.Service,
			r.Beside)
	}
	if r.Shut != "" {
		fmt.Fprintf(out, "\nnote: not all users may enter %s, so a service of another user cannot start;\n  open it to "+
			"them, or choose a folder such as /opt/ollama-flashhead\n", r.Shut)
	}
}

// uninstallPrefix removes what installPrefix has installed.
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

// serverOf says how the server of the Ollama in dir, if there is one, is stopped.
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
