package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
)

// host is a way to have FlashHead in Ollama.
type host struct {
	title string
	start func(*demo, context.Context) error // sets demo.sides
}

var hosts = map[string]host{
	"plugin":  {"a stock Ollama with the plug-in", (*demo).startPlugin},
	"patched": {"the patched build", (*demo).startPatched},
}

// startPatched starts one patched Ollama with both models.
func (d *demo) startPatched(ctx context.Context) error {
	if err := d.prefix.Check(); err != nil {
		return hint.Wrap(err, "build it first: fh-ollama build, or make demo")
	}
	ollama, err := d.serve(ctx, d.prefix, d.dir)
	if err != nil {
		return err
	}
	if err := d.createDense(ctx, ollama); err != nil {
		return err
	}
	if err := d.run(ctx, ollama, "create", fastModel, "--from", denseModel); err != nil {
		return err
	}
	d.sides = [2]side{{"dense", denseModel, ollama}, {"FlashHead", fastModel, ollama}}
	return nil
}

// startPlugin starts a stock Ollama, installs the plug-in and starts a second Ollama with it, so that both can be timed
// in turn. They share their models.
func (d *demo) startPlugin(ctx context.Context) error {
	if err := d.stock.Check(); err != nil {
		return hint.Wrap(err, "build it first: fh-ollama build --stock, or make demo")
	}
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
	dir := filepath.Join(d.dir, "after")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	models := filepath.Join(d.dir, "models")
	after, err := d.serve(ctx, d.stock, dir, "GGML_BACKEND_PATH="+library, "OLLAMA_MODELS="+models)
	if err != nil {
		return err
	}
	if err := d.run(ctx, after, "create", fastModel, "--from", denseModel); err != nil {
		return err
	}
	d.sides = [2]side{{"before", denseModel, before}, {"after", fastModel, after}}
	return nil
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
	what := "stock"
	if version := ollama.ParseVersion(text); version.Patched() {
		what = "with FlashHead " + version.FlashHead
	}
	command := "ollama serve"
	if len(env) > 0 {
		command = strings.Replace(env[0], filepath.Join(d.dir, "home"), "~", 1) + " ollama serve"
		what += ", with the plug-in"
	}
	say("\n$ %s\n  Ollama %s, %s, on %s", command, ollama.ParseVersion(text).Ollama, what, o.Host)
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
	printed, err := ollama.Command(ctx, d.prefix.Bin("fh-ollama"), args...).CombinedOutput()
	for line := range strings.Lines(strings.ReplaceAll(string(printed), filepath.Join(d.dir, "home"), "~")) {
		say("  %s", strings.TrimRight(line, "\n"))
	}
	if err != nil {
		return fmt.Errorf("fh-ollama %s: %w", args[0], err)
	}
	return nil
}
