package evaluation

import (
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/processors"
)

// Options are the options of an evaluation.
type Options struct {
	Files       []string // paths of a model with FlashHead, the first of its files first
	Name        string   // the model's name in the report; "" for the file's
	Text        string   // path; "" for the built-in text
	Probes      []int    // values of P besides the file's own
	Chunks      int      // most chunks; 0 for all of a file or 32 of the built-in text
	Context     int      // tokens per chunk; 0 for 128 with the built-in text, else min(model's, 512)
	Predict     int      // tokens of each continuation; 0 for none
	Mode        string   // how clusters are chosen: top or sample
	Temperature float64  // of the draw, mode sample only
	Seed        uint32   // of the draw, mode sample only
	Threads     int      // the runtime's
	LibDir      string   // folder of llama-perplexity and llama-server; "" for the default
	Version     string   // this program's, for the report
}

// The modes.
const (
	modeTop    = "top"
	modeSample = "sample"
)

// Defaults returns the default options.
func Defaults() Options {
	return Options{Predict: 64, Mode: modeTop, Temperature: 1, Threads: processors.Usable()}
}

// DefaultContext is llama-perplexity's number of tokens per chunk.
const DefaultContext = 512

const leastContext = 32

// Validate returns an error for options that no model allows.
func (o Options) Validate() error {
	for _, p := range o.Probes {
		if p < 1 {
			return fmt.Errorf("probes must be at least 1, not %d", p)
		}
	}
	switch {
	case o.Chunks < 0:
		return fmt.Errorf("chunks must be at least 0, not %d", o.Chunks)
	case o.Context != 0 && o.Context < leastContext:
		return fmt.Errorf("a context of %d tokens is too short, the least is %d", o.Context, leastContext)
	case o.Predict < 0:
		return fmt.Errorf("tokens to predict must be at least 0, not %d", o.Predict)
	case o.Mode != modeTop && o.Mode != modeSample:
		return fmt.Errorf("mode %q is neither %s nor %s", o.Mode, modeTop, modeSample)
	case !(o.Temperature > 0 && o.Temperature <= 1000):
		return fmt.Errorf("temperature %g is not above 0 and at most 1000", o.Temperature)
	case o.Threads < 1 || o.Threads > 4096:
		return fmt.Errorf("threads must be 1 to 4096, not %d", o.Threads)
	}
	return nil
}

// points returns the values of P to evaluate for K clusters, ascending: asked and the file's own.
func points(asked []int, own, k uint32) ([]int, error) {
	all := []int{int(own)}
	for _, p := range asked {
		if p > int(k) {
			return nil, hint.New(fmt.Sprintf("%d probes are more than the model's %d clusters", p, k),
				fmt.Sprintf("choose --probes from 1 to %d", k))
		}
		all = append(all, p)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// settings returns environment variables for FlashHead with p probes at every row.
func (o Options) settings(p int, more ...string) []string {
	all := append([]string{"FLASHHEAD_ENABLED=1", "FLASHHEAD_EXACT=off", fmt.Sprintf("FLASHHEAD_PROBES=%d", p),
		"FLASHHEAD_MODE=" + o.Mode}, more...)
	if o.Mode == modeSample {
		all = append(all, fmt.Sprintf("FLASHHEAD_TEMPERATURE=%g", o.Temperature), fmt.Sprintf("FLASHHEAD_SEED=%d", o.Seed))
	}
	return all
}

// off turns FlashHead off; allRows keeps it on for large batches.
var off = []string{"FLASHHEAD_ENABLED=0"}

const allRows = "FLASHHEAD_MAX_ROWS=0"
