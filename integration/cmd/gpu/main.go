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

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

type options struct {
	prefix   harness.Prefix // of the patched build
	device   string         // ggml's name, e.g. CUDA0
	heads    []headShape
	models   []modelName
	rounds   int // of whole models, and of the head alone
	tokens   int // decoded in a run of a model
	sanitize bool
	json     string // path, "" for none
}

// defaults measures the heads of all models, one of them in a second type that its files also have.
func defaults() options {
	llama, gemma, qwen := "llama-3.2-1b", "gemma-3-270m", "qwen3-0.6b"
	return options{
		prefix: "dist", device: "CUDA0", rounds: 9, tokens: 128, sanitize: true,
		heads: []headShape{{llama, "bf16", false}, {llama, "f16", false}, {llama, "q8_0", false}, {gemma, "q8_0", false},
			{qwen, "q8_0", false}, {llama, "q8_0", true}, {gemma, "q8_0", true}, {qwen, "q8_0", true}},
		models: []modelName{{llama, "bf16"}, {llama, "q8_0"}, {gemma, "q8_0"}, {qwen, "q8_0"}},
	}
}

func main() {
	o := defaults()
	flag.Var(&o.prefix, "prefix", "`DIR` of the patched build")
	flag.StringVar(&o.device, "device", o.device, "`NAME` of the device, as fh-ollama doctor lists it")
	flag.IntVar(&o.rounds, "rounds", o.rounds, "time each head `N` times")
	flag.IntVar(&o.tokens, "tokens", o.tokens, "decode `N` tokens in a run of a model")
	flag.BoolVar(&o.sanitize, "sanitize", o.sanitize, "run the op's test under compute-sanitizer, too (slow)")
	flag.StringVar(&o.json, "json", "", "write the report to `FILE`, too")
	small := flag.Bool("small", false, "measure only the smallest head and model")
	harness.Program{Name: "gpu", Run: func(ctx context.Context, _ string) error {
		if *small {
			o.heads = []headShape{{"gemma-3-270m", "q8_0", false}, {"gemma-3-270m", "q8_0", true}}
			o.models = []modelName{{"gemma-3-270m", "q8_0"}}
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
	bar.Start("checking the op")
	r.Checks = append(r.Checks, device.testOp(ctx))
	bar.Done(r.Checks[0].String())
	if o.sanitize && device.isCUDA() {
		for _, tool := range sanitizers {
			bar.Start("checking the op under " + tool)
			check := device.sanitize(ctx, tool)
			r.Checks = append(r.Checks, check)
			bar.Done(check.String())
		}
	}
	for _, shape := range o.heads {
		bar.Start("timing the head of " + shape.String())
		head, err := device.timeHead(ctx, shape, o.rounds)
		if err != nil {
			r.Checks = append(r.Checks, check{Name: "timing the head of " + shape.String(), State: failed, Says: err.Error()})
			continue
		}
		r.Heads = append(r.Heads, head)
		bar.Done("timed the head of " + shape.String())
	}
	for _, model := range o.models {
		timed, err := device.timeModel(ctx, model, o.rounds, o.tokens, bar)
		if err != nil {
			r.Checks = append(r.Checks, check{Name: "timing " + model.String(), State: failed, Says: err.Error()})
			continue
		}
		r.Models = append(r.Models, timed)
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
