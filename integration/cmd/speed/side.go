package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
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

func (s *side) median(m metric) float64 { return statistics.Median(s.values[m]) }

const (
	unchecked = "FLASHHEAD_EXACT=off"    // FlashHead's own logits
	allWrong  = "FLASHHEAD_TEST_SPOIL=1" // every proposal is wrong
)

// startSides starts one Ollama per side, all with the same models. stop ends the started ones, also after an error.
func startSides(ctx context.Context, o options, dir string) (sides []*side, stop func(), err error) {
	stop = func() {
		for _, s := range sides {
			if s.ollama != nil {
				s.ollama.Stop()
			}
		}
	}
	library, err := filepath.Abs(filepath.Join(string(o.prefix), "lib", "flashhead", "libggml-flashhead.so"))
	if err != nil {
		return nil, stop, err
	}
	if _, err := os.Stat(library); err != nil && !o.checks {
		return nil, stop, hint.Wrap(err, "build it first: make stock plugin build")
	}
	for _, p := range []harness.Prefix{o.stock, o.prefix} {
		if err := p.Check(); err != nil {
			return nil, stop, hint.Wrap(err, "build it first: make stock plugin build")
		}
	}
	patched := func(name string, env ...string) *side {
		return &side{name: name, prefix: o.prefix, env: env, fast: true}
	}
	sides = []*side{{name: "stock", prefix: o.stock}}
	if o.checks {
		sides = append(sides, patched("patched"), patched("unchecked", unchecked), patched("all wrong", allWrong))
	} else {
		sides = append(sides,
			&side{name: "stock, plug-in", prefix: o.stock, env: []string{"GGML_BACKEND_PATH=" + library}, fast: true},
			patched("patched"), patched("unchecked", unchecked),
			patched("unchecked, no copy", unchecked, "FLASHHEAD_REORDER=0"))
	}
	models := filepath.Join(dir, "models")
	for i, s := range sides {
		s.values = map[metric][]float64{}
		own := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(own, 0o700); err != nil {
			return sides, stop, err
		}
		env := append([]string{"OLLAMA_MODELS=" + models, "OLLAMA_KEEP_ALIVE=30m"}, s.env...)
		if s.ollama, err = harness.Start(ctx, s.prefix, own, env...); err != nil {
			return sides, stop, err
		}
	}
	err = modelfile.Register(ctx, sides[0].ollama.Client, modelName, &modelfile.Modelfile{
		From: []string{o.file}, Template: modelfile.DefaultTemplate,
	}, nil)
	return sides, stop, err
}

// check returns an error unless the side ran with or without FlashHead as it should.
func (s *side) check() error {
	if active := strings.Contains(s.ollama.Log(), "flash_head: active"); active != s.fast {
		return fmt.Errorf("%s: FlashHead is %s", s.name, map[bool]string{true: "active", false: "not active"}[active])
	}
	return nil
}
