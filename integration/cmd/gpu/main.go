// Command gpu checks and times FlashHead on one device: the op against plain references and under NVIDIA's sanitizers,
// the head alone against the dense product, and whole models with random weights, dense and with FlashHead in turn. It
// prints Markdown. `make gpu` builds what it needs and runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/bench"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

type options struct {
	prefix   harness.Prefix // of the patched build
	device   string         // ggml's name, e.g. CUDA0
	heads    []shape
	models   []shape
	rounds   int // of whole models, and of the head alone
	tokens   int // decoded in a run of a model
	sanitize bool
	json     string // path, "" for none
}

func main() {
	o := options{prefix: "dist"}
	flag.Var(&o.prefix, "prefix", "`DIR` of the patched build")
	flag.StringVar(&o.device, "device", "CUDA0", "`NAME` of the device, as fh-ollama doctor lists it")
	flag.IntVar(&o.rounds, "rounds", 9, "time each head `N` times")
	flag.IntVar(&o.tokens, "tokens", 128, "decode `N` tokens in a run of a model")
	flag.BoolVar(&o.sanitize, "sanitize", true, "run the op's test under compute-sanitizer, too (slow)")
	flag.StringVar(&o.json, "json", "", "write the report to `FILE`, too")
	small := flag.Bool("small", false, "measure only the smallest head and model")
	harness.Program{Name: "gpu", Run: func(ctx context.Context, _ string) error {
		llama, gemma, qwen := "llama-3.2-1b", "gemma-3-270m", "qwen3-0.6b"
		o.heads = []shape{{llama, "bf16", false}, {llama, "f16", false}, {llama, "q8_0", false}, {gemma, "q8_0", false},
			{qwen, "q8_0", false}, {llama, "q8_0", true}, {gemma, "q8_0", true}, {qwen, "q8_0", true}}
		o.models = []shape{{llama, "bf16", false}, {llama, "q8_0", false}, {gemma, "q8_0", false}, {qwen, "q8_0", false}}
		if *small {
			o.heads = []shape{{gemma, "q8_0", false}, {gemma, "q8_0", true}}
			o.models = []shape{{gemma, "q8_0", false}}
		}
		return run(ctx, o)
	}}.Main()
}

// run checks and measures everything, also after a failure, and prints the report. It returns an error if a check
// failed.
func run(ctx context.Context, o options) error {
	if o.rounds < 1 || o.tokens < 1 {
		return hint.New("--rounds and --tokens must be at least 1", "see --help")
	}
	lib, err := filepath.Abs(o.prefix.Lib(""))
	if err != nil {
		return err
	}
	device, err := findDevice(ctx, lib, o.device)
	if err != nil {
		return err
	}
	bar := progress.New(os.Stderr)
	defer bar.Close()

	r := report{Device: device.Device}
	if r.Driver, err = device.driver(ctx); err != nil {
		return err
	}
	add := func(c check) {
		r.Checks = append(r.Checks, c)
		bar.Done(c.String())
	}
	bar.Start("checking the op")
	add(device.testOp(ctx))
	if o.sanitize && device.isCUDA() {
		for _, tool := range sanitizers {
			bar.Start("checking the op under " + tool)
			add(device.sanitize(ctx, tool))
		}
	}
	for _, s := range o.heads {
		what := "timing the head of " + s.String()
		bar.Start(what)
		head, err := device.timeHead(ctx, s, o.rounds)
		if err != nil {
			add(check{Name: what, State: failed, Says: err.Error()})
			continue
		}
		r.Heads = append(r.Heads, head)
		bar.Done("timed the head of " + s.String())
	}
	for _, s := range o.models {
		timed, err := device.timeModel(ctx, s, o, bar)
		if err != nil {
			add(check{Name: "timing " + s.String(), State: failed, Says: err.Error()})
			continue
		}
		timed.Results = append(r.Models.Results, timed.Results...)
		r.Models = timed
	}
	bar.Close()
	if err := ctx.Err(); err != nil {
		return err
	}
	fmt.Print(r.markdown())
	if err := harness.WriteJSON(o.json, r); err != nil {
		return err
	}
	return r.failed()
}

// timeModel measures decoding with a synthetic model, dense and with FlashHead in turn.
func (d device) timeModel(ctx context.Context, s shape, o options, bar *progress.Progress) (bench.Report, error) {
	b := bench.Defaults()
	b.Shapes, b.Types, b.Probes = []string{s.Model}, []string{s.Type}, []string{"K/16"}
	b.Rounds, b.Tokens, b.LibDir = o.rounds, o.tokens, d.lib
	b.Threads = []int{1} // a GPU needs only one
	r, err := bench.Run(ctx, b, bar, func(bench.Report) error { return nil })
	if err != nil {
		return r, err
	}
	// llama-bench prints the backend, e.g. CUDA, not the device CUDA0.
	if on := r.Machine.Backend; !strings.Contains(on, strings.TrimRight(d.Name, "0123456789")) {
		return r, fmt.Errorf("llama-bench ran on %s, not on %s", on, d.Name)
	}
	return r, nil
}
