package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/bench"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// modelName is a shape of package synthetic in a type.
type modelName struct{ shape, typ string }

func (m modelName) String() string { return m.shape + " " + m.typ }

// timeModel measures decoding with a synthetic model, dense and with FlashHead in turn.
func (d device) timeModel(ctx context.Context, m modelName, rounds, tokens int, bar *progress.Progress) (bench.Report,
	error) {
	o := bench.Defaults()
	o.Shapes, o.Types = []string{m.shape}, []string{m.typ}
	o.Probes, o.Rounds, o.Tokens = []string{"K/16"}, rounds, tokens
	o.Threads = []int{1} // a GPU needs only one
	o.LibDir = d.lib
	r, err := bench.Run(ctx, o, bar, func(bench.Report) error { return nil })
	if err != nil {
		return r, err
	}
	// llama-bench prints the backend, e.g. CUDA, not the device CUDA0.
	if on := r.Machine.Backend; !strings.Contains(on, strings.TrimRight(d.Name, "0123456789")) {
		return r, fmt.Errorf("llama-bench ran on %s, not on %s", on, d.Name)
	}
	return r, nil
}
