// Command architectures tries FlashHead on a tiny model with random weights of every architecture of the pinned
// llama.cpp, in the patched build and in the stock one with the plug-in. It prints the table of docs/architectures.md
// and fails if the tools and a runtime disagree about a file:
//
//	make stock plugin build && go run ./integration/cmd/architectures [ARCHITECTURE...]
package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

func main() {
	harness.Program{Name: "architectures", Arguments: "[ARCHITECTURE...]", Run: run}.Main()
}

func run(ctx context.Context, _ string) error {
	sweep, err := harness.NewSweep("dist", "dist-stock")
	if err != nil {
		return err
	}
	defer sweep.Close()
	rows, err := sweep.Run(ctx, flag.Args())
	if err != nil {
		return err
	}
	fmt.Print(harness.Table(rows))
	if wrong := harness.Disagreements(rows); len(wrong) > 0 {
		return fmt.Errorf("a runtime does not do what the tools say:\n%s", strings.Join(wrong, "\n"))
	}
	return nil
}
