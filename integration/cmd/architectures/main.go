// Command architectures tries FlashHead on a tiny model with random weights of every architecture that the pinned llama.cpp knows,
// in the patched build and in the stock one with the plug-in, and prints the table of docs/architectures.md:
//
//	make stock plugin build && go run ./integration/cmd/architectures [ARCHITECTURE ...]
//
// It ends with 1 where what the tools say of a file is not what a runtime does.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "architectures:", err)
		os.Exit(1)
	}
}

// run tries the models and prints the table.
func run(ctx context.Context, wanted []string) error {
	sweep, err := harness.NewSweep("dist", "dist-stock")
	if err != nil {
		return err
	}
	defer sweep.Close()
	rows, err := sweep.Run(ctx, wanted)
	if err != nil {
		return err
	}
	fmt.Print(harness.Table(rows))
	if wrong := harness.Disagreements(rows); len(wrong) > 0 {
		return fmt.Errorf("a runtime does not do what the tools say:\n%s", strings.Join(wrong, "\n"))
	}
	return nil
}
