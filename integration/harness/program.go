package harness

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Program is one of integration/cmd. Define its flags, then call Main.
type Program struct {
	Name      string // of its folder
	Arguments string // for the usage line, e.g. "FILE.gguf"; "" for none
	Note      string // a sentence under the usage line, such as an example; "" for none
	// Run gets a temporary folder, which is removed afterwards.
	Run func(ctx context.Context, dir string) error
}

// ErrFindings is the error of a check that was made, and printed what it found.
var ErrFindings = errors.New("not everything holds")

// Main parses the command line and runs the program until it ends or is interrupted. If it fails, Main prints the
// error, unless that is ErrFindings, and exits with status 1.
func (p Program) Main() {
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage: go run ./integration/cmd/%s [flags] %s\n\n", p.Name, p.Arguments)
		if p.Note != "" {
			fmt.Fprintf(flag.CommandLine.Output(), "%s\n\n", p.Note)
		}
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := p.run(ctx)
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted; everything that was started is stopped")
	}
	stop()
	if err == nil {
		return
	}
	if !errors.Is(err, ErrFindings) {
		fmt.Fprint(os.Stderr, hint.Text(p.Name, err))
	}
	os.Exit(1)
}

func (p Program) run(ctx context.Context) error {
	if p.Arguments == "" && flag.NArg() > 0 {
		return hint.New(fmt.Sprintf("unexpected argument %q", flag.Arg(0)), "see --help")
	}
	dir, err := os.MkdirTemp("", "fh-ollama-"+p.Name+"-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return p.Run(ctx, dir)
}

// List is a flag of words separated by commas.
type List []string

// String implements flag.Value.
func (l *List) String() string { return strings.Join(*l, ",") }

// Set implements flag.Value.
func (l *List) Set(text string) error {
	*l = strings.Split(text, ",")
	return nil
}

// String implements flag.Value.
func (p *Prefix) String() string { return string(*p) }

// Set implements flag.Value.
func (p *Prefix) Set(dir string) error {
	*p = Prefix(dir)
	return nil
}

// WriteJSON writes v to a file; an empty path writes nothing.
func WriteJSON(path string, v any) error {
	if path == "" {
		return nil
	}
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
