//go:build linux

// Command soak has clients send all kinds of requests to a patched Ollama for some minutes: one client, then four, then
// eight, to several converted models and a dense one. Clients hang up in the middle of answers, models are unloaded and
// loaded again, and one llama-server is killed. It fails if requests fail or memory grows.
package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

func main() {
	o := options{prefix: "dist"}
	flag.Var(&o.prefix, "prefix", "`DIR` of the patched build")
	flag.StringVar(&o.model, "model", "integration/testdata/fh-demo-12m-q8_0.gguf", "convert and serve the GGUF `FILE`")
	flag.DurationVar(&o.duration, "duration", 10*time.Minute, "run for `TIME`, a third of it each with 1, 4 and 8 clients")
	json := flag.String("json", "", "write the report to `FILE`, too")
	harness.Program{Name: "soak", Run: func(ctx context.Context, dir string) error {
		report, err := soak(ctx, o, dir)
		if err != nil {
			return err
		}
		fmt.Print(report.Table())
		if err := harness.WriteJSON(*json, report); err != nil {
			return err
		}
		if problems := report.Problems(); len(problems) > 0 {
			return fmt.Errorf("%d problems, see above", len(problems))
		}
		return nil
	}}.Main()
}
