// Package bench measures how much faster a model decodes with FlashHead on this machine: llama-bench with the dense
// head and with FlashHead in turn.
package bench

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/processors"
	"github.com/fh-ollama/fh-ollama/internal/synthetic"
)

// Options say what to measure and how. Model excludes Shapes, Types and Codes.
type Options struct {
	Model string   // name of the converted model to measure, "" for synthetic ones
	Files []string // paths of its files, the first first

	// Names of synthetic models, one for each shape and type; see package synthetic.
	Shapes []string
	Types  []string // empty: DefaultType
	Codes  bool     // with codes

	Probes  []string // values of P, as numbers or as K/n; empty: the file's own
	Threads []int    // numbers of threads
	Tokens  int      // decoded in a run
	Prompt  int      // tokens of the prompt of a run, 0 for none
	Rounds  int      // runs with each head
	Load    bool     // also measure loading
	Answers bool     // also time answers of llama-server
	LibDir  string   // folder of llama-bench; "" for the default
	Version string   // of fh-ollama, for the report
}

// DefaultType is the weight type of most models for Ollama.
const DefaultType = "q4_k_m"

// Defaults returns the default options.
func Defaults() Options {
	return Options{Threads: slices.Compact([]int{1, processors.Usable()}), Tokens: 128, Rounds: 9}
}

// most bounds tokens, rounds and probes.
const most = 1 << 20

// Validate returns an error for options that are wrong whatever the model.
func (o Options) Validate() error {
	switch {
	case o.Model == "" && len(o.Shapes) == 0:
		return hint.New("there is nothing to measure",
			"give a converted GGUF file, the name of a model in Ollama, or a --shape")
	case o.Model != "" && len(o.Shapes) > 0:
		return errors.New("a model and a --shape do not go together")
	case len(o.Shapes) == 0 && len(o.Types) > 0:
		return errors.New("a --type needs a --shape")
	case len(o.Shapes) > 0 && o.Answers:
		return errors.New("--answers needs a model with real weights")
	case len(o.Shapes) == 0 && o.Codes:
		return errors.New("--codes needs a --shape")
	case o.Tokens < 1 || o.Tokens > most:
		return fmt.Errorf("%d tokens are not in 1..%d", o.Tokens, most)
	case o.Prompt < 0 || o.Prompt > most:
		return fmt.Errorf("a prompt of %d tokens is not in 0..%d", o.Prompt, most)
	case o.Rounds < 1 || o.Rounds > most:
		return fmt.Errorf("%d rounds are not in 1..%d", o.Rounds, most)
	case len(o.Threads) == 0:
		return errors.New("no number of threads is given")
	}
	for _, t := range o.Threads {
		if t < 1 || t > 4096 {
			return fmt.Errorf("threads must be 1 to 4096, not %d", t)
		}
	}
	for _, word := range o.Probes {
		if _, err := probes(word, most); err != nil {
			return err
		}
	}
	_, err := o.synthetic()
	return err
}

func (o Options) synthetic() ([]synthetic.Model, error) {
	if len(o.Shapes) == 0 {
		return nil, nil
	}
	types := o.Types
	if len(types) == 0 {
		types = []string{DefaultType}
	}
	return synthetic.Models(o.Shapes, types, o.Codes, o.Version)
}

// probes returns the P that word stands for in a model with k clusters. "K/n" is rounded up, as the default P is.
func probes(word string, k uint32) (uint32, error) {
	divisor, share := strings.CutPrefix(strings.ToUpper(word), "K/")
	n, err := strconv.ParseUint(divisor, 10, 31)
	switch {
	case err != nil:
		return 0, hint.New(fmt.Sprintf("%q is not a number of probes", word),
			"give numbers such as 256, or shares of the clusters such as K/16")
	case n < 1:
		return 0, fmt.Errorf("probes must be at least 1, not %s", word)
	case share:
		return (k + uint32(n) - 1) / uint32(n), nil
	}
	return uint32(n), nil
}

// points returns the values of P to measure, ascending and distinct.
func (o Options) points(p flashhead.Parameters) ([]uint32, error) {
	if len(o.Probes) == 0 {
		return []uint32{p.Probes}, nil
	}
	var all []uint32
	for _, word := range o.Probes {
		n, err := probes(word, p.Clusters)
		if err != nil {
			return nil, err
		}
		if n > p.Clusters {
			return nil, hint.New(fmt.Sprintf("%d probes are more than the model's %d clusters", n, p.Clusters),
				fmt.Sprintf("choose --probes from 1 to %d", p.Clusters))
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
