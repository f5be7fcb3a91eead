// Command gpu checks and times FlashHead on a device of this machine, from the op alone up to whole models: the op against
// plain references, under NVIDIA's sanitizer, its draws by their statistics, the head alone against the dense product, and
// models with the shapes of well-known ones, dense and with FlashHead in turn. It prints Markdown, and JSON to a file.
// `make gpu` builds what it needs and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// options of the command line.
type options struct {
	prefix   string // of the patched build
	device   string // as ggml calls it: CUDA0, CPU
	heads    []headShape
	models   []modelName
	rounds   int // of whole models, and of the head alone
	tokens   int // decoded in a run of a model
	sanitize bool
	json     string // file, "" for none
}

// defaults are what is measured unless the command line asks for less. The heads are those of the models, and one of a type
// that files of that model also come with.
func defaults() options {
	llama, gemma, qwen := "llama-3.2-1b", "gemma-3-270m", "qwen3-0.6b"
	return options{
		prefix: "dist", device: "CUDA0", rounds: 9, tokens: 128, sanitize: true,
		heads:  []headShape{{llama, "bf16"}, {llama, "f16"}, {llama, "q8_0"}, {gemma, "q8_0"}, {qwen, "q8_0"}},
		models: []modelName{{llama, "bf16"}, {llama, "q8_0"}, {gemma, "q8_0"}, {qwen, "q8_0"}},
	}
}

func main() {
	o := defaults()
	flag.StringVar(&o.prefix, "prefix", o.prefix, "`DIR` of the patched build")
	flag.StringVar(&o.device, "device", o.device, "`NAME` of the device; fh-ollama doctor lists them")
	flag.IntVar(&o.rounds, "rounds", o.rounds, "timed runs with each head")
	flag.IntVar(&o.tokens, "tokens", o.tokens, "tokens that a model decodes in a run")
	flag.BoolVar(&o.sanitize, "sanitize", o.sanitize, "run the op's test under compute-sanitizer too, which takes long")
	flag.StringVar(&o.json, "json", "", "write everything that was measured to `FILE`")
	small := flag.Bool("small", false, "only the smallest head and model")
	flag.Parse()
	if *small {
		o.heads, o.models = []headShape{{"gemma-3-270m", "q8_0"}}, []modelName{{"gemma-3-270m", "q8_0"}}
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, o, flag.Args())
	if err == nil {
		return
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted; everything that was started is stopped")
	}
	fmt.Fprint(os.Stderr, hint.Text("gpu", err))
	os.Exit(1)
}

// run checks, measures and prints. It goes on after something failed, so that the report tells all, and returns an error then.
func run(ctx context.Context, o options, args []string) error {
	if len(args) > 0 {
		return hint.New(fmt.Sprintf("gpu takes no argument, but got %q", args[0]), "name the device with --device")
	}
	if o.rounds < 1 || o.tokens < 1 {
		return hint.New(fmt.Sprintf("%d rounds of %d tokens say nothing", o.rounds, o.tokens), "ask for one of each at least")
	}
	lib, err := filepath.Abs(filepath.Join(o.prefix, "lib", "ollama"))
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
	if o.json != "" {
		if err := r.write(o.json); err != nil {
			return err
		}
	}
	return r.failed()
}

// failed is what to do about the checks that failed.
func (r report) failed() error {
	var names []string
	for _, c := range r.Checks {
		if c.State == failed {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return hint.New(strings.Join(names, ", ")+" failed", "what it printed is above; please report it with what fh-ollama doctor prints")
}
