// Command demo shows FlashHead on the small bundled model: the answers of `ollama run`, the speed, and how often the
// dense head and FlashHead choose the same token. It does so in a stock Ollama with the plug-in and in the patched
// build. The Ollamas that it starts have free ports and models of their own, and leave nothing behind.
package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/inspect"
)

const (
	denseModel = "demo:dense"
	fastModel  = "demo:flashhead"
)

type options struct {
	prefix harness.Prefix // the patched build, and the plug-in
	stock  harness.Prefix
	hosts  harness.List
	model  string // GGUF file
	text   string // file of text that the model was not trained on
	prompt string
	runs   int // pairs of timed runs
	places int // of the text at which next tokens are compared
}

func main() {
	o := options{prefix: "dist", stock: "dist-stock", hosts: harness.List{"plugin", "patched"}}
	flag.Var(&o.prefix, "prefix", "`DIR` of the patched build and of the plug-in")
	flag.Var(&o.stock, "stock", "`DIR` of the stock build")
	flag.Var(&o.hosts, "hosts", "comma-separated `LIST` of what to show")
	flag.StringVar(&o.model, "model", "integration/testdata/fh-demo-12m-q8_0.gguf", "GGUF `FILE` to show")
	flag.StringVar(&o.text, "text", "integration/testdata/heldout.txt", "compare next tokens on the text in `FILE`")
	flag.StringVar(&o.prompt, "prompt", "We, the people,", "`TEXT` to continue")
	flag.IntVar(&o.runs, "runs", 7, "time each model `N` times")
	flag.IntVar(&o.places, "places", 240, "compare next tokens at `N` places of the text")
	harness.Program{Name: "demo", Run: o.show}.Main()
}

// show runs the whole demo.
func (o *options) show(ctx context.Context, dir string) error {
	report, err := inspect.File(o.model)
	if err != nil {
		return err
	}
	fmt.Printf("FlashHead demo: %s, a vocabulary of %d tokens; the output matrix is %.0f %% of the bytes\nthat each "+
		"token reads.\n",
		filepath.Base(o.model), report.Head.Rows, 100*report.Head.Share)
	for _, name := range o.hosts {
		host, known := hosts[name]
		if !known {
			return hint.New(fmt.Sprintf("unknown host %q", name), "give --hosts plugin, patched or plugin,patched")
		}
		if err := o.showHost(ctx, host, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	say("\nThe Ollamas are stopped and their models removed.")
	return nil
}

// showHost shows one host, which writes below dir.
func (o *options) showHost(ctx context.Context, host host, dir string) error {
	d := &demo{options: *o, dir: dir}
	defer func() {
		for _, ollama := range d.started {
			ollama.Stop()
		}
	}()
	say("\n--- %s ---", host.title)
	if err := host.start(d, ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{d.answers, d.speeds, d.agreement} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// side is a model in a running Ollama.
type side struct {
	name   string
	model  string
	ollama *harness.Ollama
}

// demo is a running demonstration.
type demo struct {
	options
	dir     string
	started []*harness.Ollama
	sides   [2]side // dense, with FlashHead
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// answers shows both answers to the prompt.
func (d *demo) answers(ctx context.Context) error {
	var said [2][]string
	for i, s := range d.sides {
		say("\n$ ollama run %s %q", s.model, d.prompt)
		text, err := s.ollama.Run(ctx, s.ollama.Prefix.Bin("ollama"), "run", "--nowordwrap", s.model, d.prompt)
		if err != nil {
			return err
		}
		say("%s", wrap(text, 90, "  "))
		said[i] = strings.Fields(text)
	}
	if slices.Equal(said[0], said[1]) {
		say("\nThe same answer, word for word.")
		return nil
	}
	same := 0
	for same < min(len(said[0]), len(said[1])) && said[0][same] == said[1][same] {
		same++
	}
	say("\nThe same answer for %d words; then one different token changes all that follow.", same)
	return nil
}

// wrap breaks text into lines of at most width bytes, each behind indent.
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
