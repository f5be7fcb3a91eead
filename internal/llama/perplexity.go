package llama

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Pass is one run of llama-perplexity.
type Pass struct {
	Model    string // path of the GGUF file
	Text     string // path of the text
	Context  int    // tokens of a chunk; the second half is scored
	Chunks   int    // at most; 0: the whole text
	Threads  int
	Settings []string // FlashHead's, as "NAME=value"
}

// Estimate is a perplexity with its standard error.
type Estimate struct {
	Value, Error float64
	Work         Work // where FlashHead ran with codes and FLASHHEAD_STATS=1
}

// Work is FlashHead's mean work per row: tokens whose fine code was read, and tokens scored exactly. Zeros mean
// unknown.
type Work struct{ Near, Exact float64 }

// endDelay is how long a cancelled program may take to close its outputs.
const endDelay = 5 * time.Second

var (
	estimate  = regexp.MustCompile(`Final estimate: PPL = ([0-9.]+) \+/- ([0-9.]+)`)
	work      = regexp.MustCompile(`in each other row ([0-9.]+) of \d+ tokens scored exactly, ([0-9.]+) estimated finely`)
	tooLittle = regexp.MustCompile(`tokenizes to only (\d+) tokens`)
)

// Perplexity runs llama-perplexity and streams the logits of all scored positions to read, which must read all of them.
// The stream has the format of --kl-divergence-base, all little-endian:
//
//   - "_logits_"; int32 context, V, number of chunks, and the text's tokens;
//   - for each position float32 scale and smallest log probability, and V uint16, padded to an even number.
//
// On Unix read runs in parallel with the program. It is an error if the head does not run as the settings ask.
func (p Programs) Perplexity(ctx context.Context, pass Pass, read func(io.Reader) error) (Estimate, error) {
	run, stop := context.WithCancel(ctx)
	defer stop()
	args := []string{"--model", process.Absolute(pass.Model), "--file", process.Absolute(pass.Text), "--ctx-size",
		strconv.Itoa(pass.Context),
		// One chunk at a time, to keep the logits of one chunk only.
		"--batch-size", strconv.Itoa(pass.Context), "--threads", strconv.Itoa(pass.Threads)}
	if pass.Chunks > 0 {
		args = append(args, "--chunks", strconv.Itoa(pass.Chunks))
	}
	log := &log{}
	cmd := command(exec.CommandContext(run, p.path(perplexityName), append(args, verbose...)...), pass.Settings, log)
	cmd.WaitDelay = endDelay
	readErr, runErr := stream(cmd, stop, read)
	awaitInterrupt(run, cmd)
	if ctx.Err() != nil {
		return Estimate{}, ctx.Err()
	}

	said := log.String()
	short := tooLittle.FindStringSubmatch(said)
	switch found := estimate.FindStringSubmatch(said); {
	case short != nil:
		return Estimate{}, hint.New(fmt.Sprintf("text too short: it has %s tokens, chunks of %d need %d", short[1],
			pass.Context, 2*pass.Context), "give a longer text, or a smaller --ctx")
	case readErr != nil && !errors.Is(readErr, io.ErrUnexpectedEOF): // the program explains an early end
		return Estimate{}, readErr
	case runErr != nil || found == nil:
		return Estimate{}, failed(perplexityName, runErr, log)
	case readErr != nil:
		return Estimate{}, hint.Wrap(fmt.Errorf("%s wrote too few logits: %w", perplexityName, readErr),
			"build a new runtime: fh-ollama build")
	default:
		value, _ := strconv.ParseFloat(found[1], 64)
		deviation, _ := strconv.ParseFloat(found[2], 64)
		return Estimate{value, deviation, workOf(said)}, checkHead(log.Head(), pass.Settings)
	}
}

// workOf finds the last statistics in a log.
func workOf(log string) (w Work) {
	for _, found := range work.FindAllStringSubmatch(log, -1) {
		w.Exact, _ = strconv.ParseFloat(found[1], 64)
		w.Near, _ = strconv.ParseFloat(found[2], 64)
	}
	return w
}

// awaitInterrupt waits a second for ctx to be cancelled if a signal ended cmd. Ctrl-C reaches both processes, and the
// program may end before ctx.
func awaitInterrupt(ctx context.Context, cmd *exec.Cmd) {
	if cmd.ProcessState.ExitCode() == -1 {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// failed returns the error of a program that ended without a result.
func failed(name string, err error, log *log) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() {
		return hint.Wrap(fmt.Errorf("%s ended by %w", name, exit),
			"if the machine ran out of memory, close other programs, or take a smaller model or --ctx")
	}
	cause := log.lastWords()
	if cause == "" && err != nil {
		cause = err.Error()
	}
	return hint.New(fmt.Sprintf("%s failed: %s", name, cause), "check that this runtime can run the model")
}
