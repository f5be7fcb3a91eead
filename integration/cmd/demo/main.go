// Command demo shows FlashHead on the small bundled model: the answers of `ollama run`, the speed, and how often the
// dense head and FlashHead choose the same token. It does so in a stock Ollama with the plug-in and in the patched
// build. The Ollamas that it starts have free ports and models of their own, and leave nothing behind.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/inspect"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
)

const (
	denseModel = "demo:dense"
	fastModel  = "demo:flashhead"
)

func main() {
	patched, stock := harness.Prefix("dist"), harness.Prefix("dist-stock")
	flag.Var(&patched, "prefix", "`DIR` of the patched build and of the plug-in")
	flag.Var(&stock, "stock", "`DIR` of the stock build")
	model := flag.String("model", "integration/testdata/fh-demo-12m-q8_0.gguf", "GGUF `FILE` to show")
	harness.Program{Name: "demo", Run: func(ctx context.Context, dir string) error {
		for _, p := range []harness.Prefix{stock, patched} {
			if err := p.Check(); err != nil {
				return hint.Wrap(err, "build it first: make demo")
			}
		}
		report, err := inspect.File(*model)
		if err != nil {
			return err
		}
		fmt.Printf("FlashHead demo: %s, a vocabulary of %d tokens; the output matrix is %.0f %% of the bytes\nthat each "+
			"token reads.\n",
			filepath.Base(*model), report.Head.Rows, 100*report.Head.Share)
		d := demo{patched: patched, stock: stock, model: *model, dir: filepath.Join(dir, "plugin")}
		say("\n--- a stock Ollama with the plug-in ---")
		if err := d.show(ctx, d.startPlugin); err != nil {
			return err
		}
		d.dir = filepath.Join(dir, "patched")
		say("\n--- the patched build ---")
		if err := d.show(ctx, d.startPatched); err != nil {
			return err
		}
		say("\nThe Ollamas are stopped and their models removed.")
		return nil
	}}.Main()
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// demo is a demonstration on one host.
type demo struct {
	patched, stock harness.Prefix
	model          string // GGUF file
	dir            string // for everything that is written
	started        []*harness.Ollama
	sides          [2]side // dense, with FlashHead
}

// side is a model in a running Ollama.
type side struct {
	name   string
	model  string
	ollama *harness.Ollama
}

// show starts the host by start, which sets d.sides, and shows it.
func (d *demo) show(ctx context.Context, start func(context.Context) error) error {
	defer func() {
		for _, ollama := range d.started {
			ollama.Stop()
		}
		d.started = nil
	}()
	for _, step := range []func(context.Context) error{start, d.answers, d.speeds, d.agreement} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startPatched starts one patched Ollama with both models.
func (d *demo) startPatched(ctx context.Context) error {
	ollama, err := d.serve(ctx, d.patched, d.dir)
	if err != nil {
		return err
	}
	if err := d.createDense(ctx, ollama); err != nil {
		return err
	}
	d.sides = [2]side{{"dense", denseModel, ollama}, {"FlashHead", fastModel, ollama}}
	return d.run(ctx, ollama, "create", fastModel, "--from", denseModel)
}

// startPlugin starts a stock Ollama, installs the plug-in and starts a second Ollama with it, so that both can be timed
// in turn. They share their models.
func (d *demo) startPlugin(ctx context.Context) error {
	before, err := d.serve(ctx, d.stock, d.dir)
	if err != nil {
		return err
	}
	if err := d.createDense(ctx, before); err != nil {
		return err
	}
	if err := d.run(ctx, before, "install", "--ollama", d.stock.Bin("ollama")); err != nil {
		return err
	}
	library := filepath.Join(d.dir, "home", ".local", "share", "fh-ollama", "lib", "flashhead", "libggml-flashhead.so")
	if _, err := os.Stat(library); err != nil {
		return fmt.Errorf("install did not install the plug-in: %w", err)
	}
	after, err := d.serve(ctx, d.stock, filepath.Join(d.dir, "after"), "GGML_BACKEND_PATH="+library,
		"OLLAMA_MODELS="+filepath.Join(d.dir, "models"))
	if err != nil {
		return err
	}
	d.sides = [2]side{{"before", denseModel, before}, {"after", fastModel, after}}
	return d.run(ctx, after, "create", fastModel, "--from", denseModel)
}

// serve starts an Ollama.
func (d *demo) serve(ctx context.Context, prefix harness.Prefix, dir string, env ...string) (*harness.Ollama, error) {
	o, err := harness.Start(ctx, prefix, dir, append(env, "OLLAMA_MAX_LOADED_MODELS=2", "OLLAMA_KEEP_ALIVE=30m")...)
	if err != nil {
		return nil, err
	}
	d.started = append(d.started, o)
	text, err := o.Client.Version(ctx)
	if err != nil {
		return nil, err
	}
	version, what := ollama.ParseVersion(text), "stock"
	if version.Patched() {
		what = "with FlashHead " + version.FlashHead
	}
	command := "ollama serve"
	if len(env) > 0 {
		command = d.short(env[0]) + " ollama serve"
		what += ", with the plug-in"
	}
	say("\n$ %s\n  Ollama %s, %s, on %s", command, version.Ollama, what, o.Host)
	return o, nil
}

// createDense registers the model without FlashHead.
func (d *demo) createDense(ctx context.Context, ollama *harness.Ollama) error {
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
	say("\n$ ollama create %s -f Modelfile", denseModel)
	_, err = ollama.Run(ctx, ollama.Prefix.Bin("ollama"), "create", denseModel, "-f", file)
	return err
}

// run runs fh-ollama and shows its output.
func (d *demo) run(ctx context.Context, ollama *harness.Ollama, args ...string) error {
	say("\n$ fh-ollama %s", strings.Join(args, " "))
	printed, err := ollama.Command(ctx, d.patched.Bin("fh-ollama"), args...).CombinedOutput()
	for line := range strings.Lines(d.short(string(printed))) {
		say("  %s", strings.TrimRight(line, "\n"))
	}
	if err != nil {
		return fmt.Errorf("fh-ollama %s: %w", args[0], err)
	}
	return nil
}

// short replaces the home folder of the demo by ~.
func (d *demo) short(text string) string {
	return strings.ReplaceAll(text, filepath.Join(d.dir, "home"), "~")
}
