//go:build linux

// Command soak has clients ask a patched Ollama for all kinds of things for some minutes: one at a time, four and eight at
// once, of several converted models and one that is not. They stop listening in the middle of answers, models are unloaded
// and loaded again, and one llama-server is killed. It tells what failed, how many tokens a second came, and whether the
// memory of all processes stayed as it was; what must not be makes it fail. All of it stays on this machine.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

func main() {
	prefix := flag.String("prefix", "dist", "`DIR` of the build")
	model := flag.String("model", "integration/testdata/fh-demo-12m-q8_0.gguf", "GGUF `FILE` to convert and to serve")
	duration := flag.Duration("duration", 10*time.Minute, "how long clients ask, a third of it each for 1, 4 and 8 of them")
	out := flag.String("json", "", "write the report to `FILE`, too")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage: go run ./integration/cmd/soak [flags]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, options{harness.Prefix(*prefix), *model, *duration}, *out); err != nil {
		fmt.Fprint(os.Stderr, hint.Text("soak", err))
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out string) error {
	dir, err := os.MkdirTemp("", "fh-ollama-soak-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	report, err := soak(ctx, o, dir)
	if err != nil {
		return err
	}
	fmt.Print(report.Table())
	if out != "" {
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(out, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if problems := report.Problems(); len(problems) > 0 {
		return fmt.Errorf("%d problems, see above", len(problems))
	}
	return nil
}
