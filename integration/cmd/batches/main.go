// Command batches measures up to how many rows in a batch FlashHead is faster than the dense head. This is what the
// default of FLASHHEAD_MAX_ROWS should be. A row is one sequence that is decoded in parallel, or one drafted token.
//
//	go run ./integration/cmd/batches MODEL-flashhead.gguf
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/processors"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
	"github.com/fh-ollama/fh-ollama/internal/table"
)

const (
	promptTokens    = 4
	sequenceContext = 256 // llama.cpp gives each sequence a multiple of this
)

type options struct {
	prefix   harness.Prefix
	model    string
	counts   harness.List // numbers of rows, as given
	rows     []int        // ascending
	tokens   int          // of each sequence
	runs     int
	threads  int
	settings harness.List // FlashHead's
}

func main() {
	o := options{prefix: "dist", counts: harness.List{"1", "2", "4", "6", "8", "12", "16", "24", "32"}}
	flag.Var(&o.prefix, "prefix", "`DIR` of the patched build")
	flag.Var(&o.counts, "rows", "comma-separated `LIST` of numbers of rows")
	flag.Var(&o.settings, "settings", "comma-separated `LIST` of settings, e.g. FLASHHEAD_PROBES=256")
	flag.IntVar(&o.tokens, "tokens", 16, "generate `N` tokens in each sequence")
	flag.IntVar(&o.runs, "runs", 5, "measure each head `N` times")
	flag.IntVar(&o.threads, "threads", processors.Usable(), "use `N` threads")
	harness.Program{Name: "batches", Arguments: "MODEL-flashhead.gguf", Run: o.run}.Main()
}

// read completes and checks the options.
func (o *options) read() error {
	for _, text := range o.counts {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return hint.New(fmt.Sprintf("--rows: %q is not a number of rows", text), "give integers of at least 1, e.g. 1,2,4,8")
		}
		o.rows = append(o.rows, n)
	}
	slices.Sort(o.rows)
	if flag.NArg() != 1 || o.tokens < 1 || o.runs < 1 {
		return hint.New("one model, and at least 1 for --tokens and --runs, are needed", "see --help")
	}
	o.model = flag.Arg(0)
	m, err := flashhead.OpenConverted(o.model)
	if err != nil {
		return err
	}
	return m.Close()
}

// speeds is tokens a second of all rows together, by number of rows.
type speeds map[int]float64

func (o *options) run(ctx context.Context, dir string) error {
	if err := o.read(); err != nil {
		return err
	}
	sides := [][]string{{"FLASHHEAD_ENABLED=0"}, append([]string{"FLASHHEAD_MAX_ROWS=0"}, o.settings...)}
	measured, err := harness.Measure(ctx, len(sides), o.runs, func(side int) (speeds, error) {
		return o.bench(ctx, append(harness.Environment(dir), sides[side]...))
	})
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d threads: tokens/s of all rows together, median of %d runs in turn (minimum to maximum)\n\n",
		o.model, o.threads, o.runs)
	results := table.New("rrrr", "rows", "dense", "FlashHead", "speed-up")
	limit, faster := 0, true
	for _, n := range o.rows {
		of := func(side int) (all []float64) {
			for _, s := range measured[side] {
				all = append(all, s[n])
			}
			return all
		}
		ratios := statistics.Ratios(of(1), of(0))
		results.Row(strconv.Itoa(n), harness.Spread("%.0f", of(0)), harness.Spread("%.0f", of(1)),
			harness.Spread("%.2f", ratios))
		if faster = faster && statistics.Median(ratios) >= 1; faster {
			limit = n
		}
	}
	most := ""
	if limit == slices.Max(o.rows) {
		most = ", the most that was measured"
	}
	fmt.Printf("%s\nFlashHead is not slower up to %d rows%s\n", results.Markdown(), limit, most)
	return nil
}

// bench runs llama-batched-bench once.
func (o *options) bench(ctx context.Context, env []string) (speeds, error) {
	var rows []string
	for _, n := range o.rows {
		rows = append(rows, strconv.Itoa(n))
	}
	cmd := exec.CommandContext(ctx, o.prefix.Lib("llama-batched-bench"), "--model", o.model, "--output-format", "jsonl",
		"--threads", strconv.Itoa(o.threads), "--ctx-size", strconv.Itoa(sequenceContext*slices.Max(o.rows)),
		"-npp", strconv.Itoa(promptTokens), "-ntg", strconv.Itoa(o.tokens), "-npl", strings.Join(rows, ","))
	cmd.Env = env
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return nil, hint.Wrap(fmt.Errorf("llama-batched-bench: %w\n%s", err, said.String()), "build it: make build")
	}
	result := speeds{}
	for line := range strings.Lines(said.String()) {
		var row struct {
			Sequences int     `json:"pl"`
			Speed     float64 `json:"speed_tg"`
		}
		if json.Unmarshal([]byte(line), &row) == nil && row.Sequences > 0 {
			result[row.Sequences] = row.Speed
		}
	}
	if len(result) != len(o.rows) {
		return nil, errors.New("unexpected output of llama-batched-bench:\n" + said.String())
	}
	return result, nil
}
