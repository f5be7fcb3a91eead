package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/bench"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// modelName is a model of package synthetic.
type modelName struct{ shape, typ string }

// timeModels has llama-bench decode with synthetic models, dense and with FlashHead in turn, one after the other.
func (d device) timeModels(ctx context.Context, o options, bar *progress.Progress) ([]bench.Report, error) {
	var all []bench.Report
	for _, m := range o.models {
		options := bench.Defaults()
		options.Shapes, options.Types = []string{m.shape}, []string{m.typ}
		options.Probes, options.Rounds, options.Tokens = []string{"K/16"}, o.rounds, o.tokens
		options.Threads = []int{1} // a GPU is fed by one
		options.LibDir = d.lib
		r, err := bench.Run(ctx, options, bar, func(bench.Report) error { return nil })
		if err != nil {
			return nil, err
		}
		// llama-bench names backends: CUDA, of which CUDA0 is a device.
		if on := r.Machine.Backend; !strings.Contains(on, strings.TrimRight(d.Name, "0123456789")) {
			return nil, hint.New(fmt.Sprintf("llama-bench ran on %s, not on %s", on, d.Name), "see what fh-ollama doctor says of this device")
		}
		all = append(all, r)
	}
	return all, nil
}
