package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/bench"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// modelName is a model of package synthetic.
type modelName struct{ shape, typ string }

func (m modelName) String() string { return m.shape + " " + m.typ }

// timeModel has llama-bench decode with a synthetic model, dense and with FlashHead in turn.
func (d device) timeModel(ctx context.Context, m modelName, rounds, tokens int, bar *progress.Progress) (bench.Report, error) {
	o := bench.Defaults()
	o.Shapes, o.Types = []string{m.shape}, []string{m.typ}
	o.Probes, o.Rounds, o.Tokens = []string{"K/16"}, rounds, tokens
	o.Threads = []int{1} // a GPU is fed by one
	o.LibDir = d.lib
	r, err := bench.Run(ctx, o, bar, func(bench.Report) error { return nil })
	if err != nil {
		return r, err
	}
	// llama-bench names backends: CUDA, of which CUDA0 is a device.
	if on := r.Machine.Backend; !strings.Contains(on, strings.TrimRight(d.Name, "0123456789")) {
		return r, fmt.Errorf("llama-bench ran on %s, not on %s", on, d.Name)
	}
	return r, nil
}
