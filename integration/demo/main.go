// Command demo shows FlashHead at work on the small trained model of the tests: through the real `ollama run` of the
// patched build, dense and with FlashHead, with both speeds and how often they choose the same token.
// It starts its own Ollama on a free port with its own models and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/inspect"
	"github.com/fh-ollama/fh-ollama/internal/server"
)

const (
	denseModel = "demo:dense"
	fastModel  = "demo:flashhead"
)

// options of the command line.
type options struct {
	prefix harness.Prefix
	model  string // GGUF file
	text   string // file of text that the model was not trained on
	prompt string
	runs   int // pairs of timed runs
	places int // where both models are asked for the next token
}

func main() {
	var o options
	prefix := flag.String("prefix", "dist", "`DIR` of the patched build")
	flag.StringVar(&o.model, "model", "integration/testdata/fh-demo-12m-q8_0.gguf", "GGUF `FILE` to show")
	flag.StringVar(&o.text, "text", "integration/testdata/heldout.txt", "`FILE` of text to compare the next tokens on")
	flag.StringVar(&o.prompt, "prompt", "We, the people,", "what to continue")
	flag.IntVar(&o.runs, "runs", 7, "timed runs of each model")
	flag.IntVar(&o.places, "places", 240, "places of the text to compare at")
	flag.Parse()
	o.prefix = harness.Prefix(*prefix)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := show(ctx, os.Stdout, o)
	if err == nil {
		return
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted; everything that was started is stopped")
	}
	fmt.Fprintf(os.Stderr, "demo: %v\n", err)
	if way := hint.Of(err); way != "" {
		fmt.Fprintf(os.Stderr, "  %s\n", way)
	}
	os.Exit(1)
}

// show runs the whole demo.
func show(ctx context.Context, out io.Writer, o options) error {
	if err := o.prefix.Check(); err != nil {
		return hint.Wrap(err, "build it first: fh-ollama build, or make demo")
	}
	report, err := inspect.File(o.model)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fh-ollama-demo-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	d := &demo{options: o, out: out, dir: dir}
	d.say("FlashHead demo: %s, %d tokens to choose from; its head is %.0f %% of the bytes\nthat are read for every token.",
		filepath.Base(o.model), report.Head.Rows, 100*report.Head.Share)
	if err := d.start(ctx); err != nil {
		return err
	}
	defer func() {
		d.ollama.Stop()
		d.say("\nThe Ollama that was started is stopped, its models are removed.")
	}()
	for _, step := range []func(context.Context) error{d.create, d.answers, d.speeds, d.agreement} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// demo is a running demonstration.
type demo struct {
	options
	out    io.Writer
	dir    string // for everything that is written
	ollama *harness.Ollama
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// start starts the patched Ollama and makes sure that it is one.
func (d *demo) start(ctx context.Context) error {
	var err error
	if d.ollama, err = harness.Start(ctx, d.prefix, d.dir, "OLLAMA_MAX_LOADED_MODELS=2", "OLLAMA_KEEP_ALIVE=30m"); err != nil {
		return err
	}
	text, err := d.ollama.Client.Version(ctx)
	version := server.ParseVersion(text)
	if err == nil && !version.Patched() {
		err = hint.New(fmt.Sprintf("the Ollama in %s has no FlashHead", d.prefix), "build one that has: fh-ollama build")
	}
	if err != nil {
		d.ollama.Stop()
		return err
	}
	d.say("\n$ ollama serve\n  Ollama %s with FlashHead %s on %s, with a model folder of its own", version.Ollama, version.FlashHead, d.ollama.Host)
	return nil
}

// create registers the model, and then its sister with FlashHead.
func (d *demo) create(ctx context.Context) error {
	weights, err := filepath.Abs(d.model)
	if err != nil {
		return err
	}
	file := filepath.Join(d.dir, "Modelfile")
	text := fmt.Sprintf(`FROM %s
TEMPLATE {{ .Prompt }}
PARAMETER num_ctx 256
PARAMETER num_predict 64
PARAMETER temperature 0
PARAMETER seed 1
PARAMETER repeat_penalty 1.1
`, weights)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	d.say("\n$ ollama create %s -f Modelfile", denseModel)
	if _, err := d.ollama.Run(ctx, d.prefix.Bin("ollama"), "create", denseModel, "-f", file); err != nil {
		return err
	}
	d.say("\n$ fh-ollama create %s --from %s", fastModel, denseModel)
	cmd := d.ollama.Command(ctx, d.prefix.Bin("fh-ollama"), "create", fastModel, "--from", denseModel)
	printed, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(printed)) {
		d.say("  %s", strings.TrimRight(line, "\n"))
	}
	if err != nil {
		return fmt.Errorf("fh-ollama create: %w", err)
	}
	return nil
}

// answers shows what both models say to the prompt.
func (d *demo) answers(ctx context.Context) error {
	var said [2][]string
	for i, model := range []string{denseModel, fastModel} {
		d.say("\n$ ollama run %s %q", model, d.prompt)
		text, err := d.ollama.Run(ctx, d.prefix.Bin("ollama"), "run", "--nowordwrap", model, d.prompt)
		if err != nil {
			return err
		}
		d.say("%s", wrap(text, 90, "  "))
		said[i] = strings.Fields(text)
	}
	if slices.Equal(said[0], said[1]) {
		d.say("\nThe same answer, word for word.")
	} else {
		same := 0
		for same < min(len(said[0]), len(said[1])) && said[0][same] == said[1][same] {
			same++
		}
		d.say("\nThe same answer for %d words; then one other token changed all that follow.", same)
	}
	return nil
}

// wrap breaks text into lines of at most width characters, each behind indent.
func wrap(text string, width int, indent string) string {
	var lines []string
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width && line != indent {
			lines, line = append(lines, line), indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}
