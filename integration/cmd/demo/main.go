// Command demo shows FlashHead at work on the small trained model of the tests: through the real `ollama run`, dense and
// with FlashHead, with both speeds and how often they choose the same token; first in a stock Ollama with the plug-in,
// then in the patched build. It starts its own Ollamas on free ports with their own models and leaves nothing behind.
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
)

const (
	denseModel = "demo:dense"
	fastModel  = "demo:flashhead"
)

// options of the command line.
type options struct {
	prefix harness.Prefix // the patched build, and the plug-in
	stock  harness.Prefix
	hosts  string // which to show
	model  string // GGUF file
	text   string // file of text that the model was not trained on
	prompt string
	runs   int // pairs of timed runs
	places int // where both models are asked for the next token
}

func main() {
	var o options
	prefix := flag.String("prefix", "dist", "`DIR` of the patched build and of the plug-in")
	stock := flag.String("stock", "dist-stock", "`DIR` of the stock build")
	flag.StringVar(&o.hosts, "hosts", "plugin,patched", "comma-separated `LIST` of what to show")
	flag.StringVar(&o.model, "model", "integration/testdata/fh-demo-12m-q8_0.gguf", "GGUF `FILE` to show")
	flag.StringVar(&o.text, "text", "integration/testdata/heldout.txt", "`FILE` of text to compare the next tokens on")
	flag.StringVar(&o.prompt, "prompt", "We, the people,", "what to continue")
	flag.IntVar(&o.runs, "runs", 7, "timed runs of each model")
	flag.IntVar(&o.places, "places", 240, "places of the text to compare at")
	flag.Parse()
	o.prefix, o.stock = harness.Prefix(*prefix), harness.Prefix(*stock)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := show(ctx, os.Stdout, o)
	if err == nil {
		return
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted; everything that was started is stopped")
	}
	fmt.Fprint(os.Stderr, hint.Text("demo", err))
	os.Exit(1)
}

// show runs the whole demo.
func show(ctx context.Context, out io.Writer, o options) error {
	report, err := inspect.File(o.model)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "FlashHead demo: %s, %d tokens to choose from; its head is %.0f %% of the bytes\nthat are read for every token.\n",
		filepath.Base(o.model), report.Head.Rows, 100*report.Head.Share)
	for _, name := range strings.Split(o.hosts, ",") {
		host, known := hosts[name]
		if !known {
			return hint.New(fmt.Sprintf("no host is called %q", name), "give --hosts plugin, patched or both with a comma")
		}
		if err := o.showHost(ctx, out, host); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nThe Ollamas that were started are stopped, their models are removed.\n")
	return nil
}

// showHost shows one of them, with everything it writes in a folder of its own.
func (o options) showHost(ctx context.Context, out io.Writer, host host) error {
	dir, err := os.MkdirTemp("", "fh-ollama-demo-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &demo{options: o, out: out, dir: dir}
	defer func() {
		for _, ollama := range d.started {
			ollama.Stop()
		}
	}()
	d.say("\n--- %s ---", host.title)
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return host.start(d, ctx) },
		d.answers, d.speeds, d.agreement,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// side is one of the two that are compared: a model in a running Ollama.
type side struct {
	name   string
	model  string
	ollama *harness.Ollama
}

// demo is a running demonstration.
type demo struct {
	options
	out     io.Writer
	dir     string // for everything that is written
	started []*harness.Ollama
	sides   [2]side // dense, with FlashHead
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// answers shows what both models say to the prompt.
func (d *demo) answers(ctx context.Context) error {
	var said [2][]string
	for i, s := range d.sides {
		d.say("\n$ ollama run %s %q", s.model, d.prompt)
		text, err := s.ollama.Run(ctx, s.ollama.Prefix.Bin("ollama"), "run", "--nowordwrap", s.model, d.prompt)
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
