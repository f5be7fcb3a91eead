// Command fh-ollama makes `ollama run` faster: it brings FlashHead into Ollama, converts and registers models, and
// measures what they gain.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// version is set by the linker in release builds.
var version = "0.1.0"

// Exit codes, beside those of signals.
const (
	exitFailed   = 1
	exitWrongUse = 2
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run executes the command line args and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := onSignals()
	defer stop()
	app := newApp(commandline.Shown(stdout), stderr)
	if !completing(args) {
		args = flagsFirst(app, args)
	}
	err := app.RunContext(ctx, args)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil {
		err = hint.Wrap(errors.New("interrupted"), afterInterrupt(err))
	}
	fmt.Fprint(stderr, commandline.Printable(hint.Text("fh-ollama", err)))
	if by := (endedBy{}); errors.As(context.Cause(ctx), &by) {
		return 128 + int(by.Signal) // as shells do: 130 for Ctrl-C
	}
	var usage usageError
	if errors.As(err, &usage) {
		return exitWrongUse
	}
	return exitFailed
}

func newApp(stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:            "fh-ollama",
		Usage:           "faster decoding for ollama run: install, on, run",
		Version:         version,
		Writer:          stdout,
		ErrWriter:       stderr,
		HideHelpCommand: true,                     // we have our own,
		Flags:           []cli.Flag{cli.HelpFlag}, // so the library omits this

		EnableBashCompletion: true, // see completion.go
		Commands: []*cli.Command{
			// in the order in which a user needs them
			buildCommand(),
			installCommand(),
			onCommand(),
			offCommand(),
			listCommand(),
			convertCommand(),
			importCommand(),
			inspectCommand(),
			evalCommand(),
			benchCommand(),
			createCommand(),
			modelfileCommand(),
			doctorCommand(),
			uninstallCommand(),
			completionCommand(),
			helpCommand(),
			versionCommand(),
		},
		ExitErrHandler: func(*cli.Context, error) {}, // run prints and chooses the code
		OnUsageError:   func(c *cli.Context, err error, _ bool) error { return wrongFlags(c, err) },
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return noCommand(c.App, c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
	withConfig(app)
	withFiles(app)
	for _, name := range []string{"help", "version"} { // they work whatever the settings are
		app.Command(name).Before = nil
	}
	app.Command("help").BashComplete = func(c *cli.Context) {
		for _, name := range commandNames(c.App) {
			fmt.Fprintln(c.App.Writer, name)
		}
	}
	return app
}
