// Command speed measures a converted model in Ollama as its users run it: in a stock Ollama, which runs it dense; in
// the same with the plug-in; in the patched one; and in the patched one without its cluster-ordered copy. With -checks
// it tells what checks of tokens cost, when all proposals are wrong, too. It visits all in turn, round after round, and
// loads the model anew in each visit, so one model is in memory at a time. It reports Ollama's own numbers, the time that
// a user waits, and the memory of Ollama's llama-server.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/inspect"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// options of the command line.
type options struct {
	prefix, stock harness.Prefix
	rounds        int
	tokens        int // of an answer
	threads       int // 0: Ollama's default
	checks        bool
	markdown      bool
	file          string
}

func main() {
	var o options
	o.prefix, o.stock = "dist", "dist-stock"
	flag.Var(&o.prefix, "prefix", "`DIR` of the patched build and of the plug-in")
	flag.Var(&o.stock, "stock", "`DIR` of the stock build")
	flag.IntVar(&o.rounds, "rounds", 5, "timed visits of each Ollama")
	flag.IntVar(&o.tokens, "tokens", 128, "tokens of an answer")
	flag.IntVar(&o.threads, "threads", 0, "threads of the model; 0 for what Ollama takes")
	flag.BoolVar(&o.checks, "checks", false, "visit the stock Ollama and the patched one: checked, unchecked, all wrong")
	flag.BoolVar(&o.markdown, "markdown", false, "print a table for a document")
	harness.Program{
		Name: "speed", Arguments: "FILE.gguf", Note: "FILE is a model that fh-ollama convert made.",
		Run: func(ctx context.Context, dir string) error { return run(ctx, dir, o, flag.Args()) },
	}.Main()
}

func run(ctx context.Context, dir string, o options, files []string) error {
	if len(files) != 1 {
		return hint.New(fmt.Sprintf("%d files are named", len(files)), "give one: go run ./integration/cmd/speed FILE.gguf")
	}
	if o.threads < 0 {
		return hint.New(fmt.Sprintf("%d threads are too few", o.threads),
			"give a number of threads, or 0 for what Ollama takes")
	}
	if o.rounds < 1 || o.tokens < leastTokens {
		return hint.New(fmt.Sprintf("%d rounds of %d tokens say nothing", o.rounds, o.tokens),
			fmt.Sprintf("ask for a round at least, and for %d tokens", leastTokens))
	}
	o.file = files[0]
	model, err := inspect.File(o.file)
	if err != nil {
		return err
	}
	if !model.Sound {
		return hint.New(o.file+" has no FlashHead that a runtime would use",
			"convert it first: fh-ollama convert IN.gguf -o OUT.gguf")
	}
	bar := progress.New(os.Stderr)
	defer bar.Close()
	bar.Start("start")
	sides, err := newSides(o)
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range sides {
			if s.ollama != nil {
				s.ollama.Stop()
			}
		}
	}()
	if err := startSides(ctx, o.file, dir, sides); err != nil {
		return err
	}
	bar.Start("measure")
	if err := visitAll(ctx, o, sides, bar); err != nil {
		return err
	}
	bar.Close()
	fmt.Printf("%s: head %s, %d x %d, %.0f %% of the bytes of a token; %d of %d clusters\n", filepath.Base(o.file),
		model.Head.Type,
		model.Head.Rows, model.Head.Columns, 100*model.Head.Share, model.Parameters.Probes, model.Clusters)
	used := ""
	if o.threads > 0 { // not Ollama's default
		used = fmt.Sprintf("%d used; ", o.threads)
	}
	fmt.Printf("%s; %sanswers of %d tokens, prompts of %.0f; median of %d rounds (least to most), ratio to stock by "+
		"rounds\n\n", machine(), used, o.tokens, statistics.Median(sides[0].values[promptTokens]), o.rounds)
	if o.markdown {
		fmt.Print(markdown(sides))
	} else {
		fmt.Print(plain(sides))
	}
	return nil
}
