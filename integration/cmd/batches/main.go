// Command batches measures up to how many rows at once FlashHead is faster than the dense head, which is what the default
// of FLASHHEAD_MAX_ROWS should be (ggmlhead/model/flash-head-max-rows.cpp). Every sequence that is decoded in parallel is a
// row: several users at once, or tokens of a draft that are checked together.
//
//	go run ./integration/cmd/batches MODEL-flashhead.gguf
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/processors"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

const (
	promptTokens    = 4
	sequenceContext = 256 // llama.cpp gives each sequence a multiple of this
)

type options struct {
	prefix   harness.Prefix
	model    string
	rows     []int
	tokens   int // of each sequence
	runs     int
	threads  int
	settings []string // FlashHead's
}

func main() {
	var o options
	prefix := flag.String("prefix", "dist", "`DIR` of the patched build")
	rows := flag.String("rows", "1,2,4,6,8,12,16,24,32", "comma-separated `LIST` of numbers of sequences")
	settings := flag.String("settings", "", "comma-separated `LIST` of FlashHead's settings, as FLASHHEAD_PROBES=256")
	flag.IntVar(&o.tokens, "tokens", 16, "tokens of each sequence")
	flag.IntVar(&o.runs, "runs", 5, "timed runs of each side")
	flag.IntVar(&o.threads, "threads", processors.Usable(), "threads of llama.cpp")
	flag.Parse()
	o.prefix, o.model = harness.Prefix(*prefix), flag.Arg(0)
	if *settings != "" {
		o.settings = strings.Split(*settings, ",")
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := o.read(*rows)
	if err == nil {
		err = o.run(ctx, os.Stdout)
	}
	if err == nil {
		return
	}
	fmt.Fprint(os.Stderr, hint.Text("batches", err))
	os.Exit(1)
}

// read completes the options and checks the model.
func (o *options) read(rows string) error {
	for _, text := range strings.Split(rows, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return hint.New(fmt.Sprintf("--rows %s: %q is no number of sequences", rows, text), "give numbers from 1 on, as 1,2,4,8")
		}
		o.rows = append(o.rows, n)
	}
	slices.Sort(o.rows)
	if flag.NArg() != 1 || o.tokens < 1 || o.runs < 1 {
		return hint.New("what to measure is not clear", "go run ./integration/cmd/batches MODEL-flashhead.gguf; --tokens and --runs are at least 1")
	}
	m, err := flashhead.OpenConverted(o.model)
	if err != nil {
		return err
	}
	return m.Close()
}

// speeds is tokens a second of all sequences together, by number of sequences.
type speeds map[int]float64

func (o *options) run(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "fh-ollama-batches-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sides := [][]string{{"FLASHHEAD_ENABLED=0"}, append([]string{"FLASHHEAD_MAX_ROWS=0"}, o.settings...)}
	measured, err := harness.Measure(ctx, len(sides), o.runs, func(side int) (speeds, error) {
		return o.bench(ctx, append(harness.Environment(dir), sides[side]...))
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %d threads: tokens a second of all sequences together, median of %d runs in turn (slowest to fastest)\n\n",
		o.model, o.threads, o.runs)
	fmt.Fprintf(out, "| rows | dense | FlashHead | ratio |\n|---|---|---|---|\n")
	limit, faster := 0, true
	for _, n := range o.rows {
		of := func(side int) (all []float64) {
			for _, s := range measured[side] {
				all = append(all, s[n])
			}
			return all
		}
		dense, fast := of(0), of(1)
		ratios := harness.Ratios(fast, dense)
		fmt.Fprintf(out, "| %d | %s | %s | %s |\n", n, harness.Spread("%.0f", dense), harness.Spread("%.0f", fast), harness.Spread("%.2f", ratios))
		if faster = faster && statistics.Median(ratios) >= 1; faster {
			limit = n
		}
	}
	most := ""
	if limit == slices.Max(o.rows) {
		most = ", the most that was measured"
	}
	fmt.Fprintf(out, "\nFlashHead is not slower up to %d rows%s\n", limit, most)
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
		return nil, errors.New("llama-batched-bench measured something else:\n" + said.String())
	}
	return result, nil
}
