package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

const modelName = "speed"

// side is an Ollama with its measurements.
type side struct {
	name   string
	prefix harness.Prefix
	env    []string
	fast   bool // has FlashHead

	ollama *harness.Ollama
	values map[metric][]float64 // of each round
}

const (
	unchecked = "FLASHHEAD_EXACT=off"    // FlashHead's own logits
	allWrong  = "FLASHHEAD_TEST_SPOIL=1" // every proposal is wrong
)

// newSides returns the Ollamas to compare, the stock one first. All must be built.
func newSides(o options) ([]*side, error) {
	const build = "build it first: make stock plugin build"
	for _, p := range []harness.Prefix{o.stock, o.prefix} {
		if err := p.Check(); err != nil {
			return nil, hint.Wrap(err, build)
		}
	}
	patched := func(name string, env ...string) *side {
		return &side{name: name, prefix: o.prefix, env: env, fast: true}
	}
	stock := &side{name: "stock", prefix: o.stock}
	if o.checks {
		return []*side{stock, patched("patched"), patched("unchecked", unchecked), patched("all wrong", allWrong)}, nil
	}
	library, err := filepath.Abs(filepath.Join(string(o.prefix), "lib", "flashhead", "libggml-flashhead.so"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(library); err != nil {
		return nil, hint.Wrap(err, build)
	}
	return []*side{stock,
		{name: "stock, plug-in", prefix: o.stock, env: []string{"GGML_BACKEND_PATH=" + library}, fast: true},
		patched("patched"), patched("unchecked", unchecked),
		patched("unchecked, no copy", unchecked, "FLASHHEAD_REORDER=0")}, nil
}

// startSides starts the Ollamas, all with the same model.
func startSides(ctx context.Context, file, dir string, sides []*side) (err error) {
	for i, s := range sides {
		env := append([]string{"OLLAMA_MODELS=" + filepath.Join(dir, "models"), "OLLAMA_KEEP_ALIVE=30m"}, s.env...)
		if s.ollama, err = harness.Start(ctx, s.prefix, filepath.Join(dir, fmt.Sprint(i)), env...); err != nil {
			return err
		}
		s.values = map[metric][]float64{}
	}
	return modelfile.Register(ctx, sides[0].ollama.Client, modelName, &modelfile.Modelfile{
		From: []string{file}, Template: modelfile.DefaultTemplate,
	}, nil)
}

// check returns an error unless the side ran with or without FlashHead as it should.
func (s *side) check() error {
	if active := strings.Contains(s.ollama.Log(), "flash_head: active"); active != s.fast {
		return fmt.Errorf("%s: FlashHead is %s", s.name, map[bool]string{true: "active", false: "not active"}[active])
	}
	return nil
}
