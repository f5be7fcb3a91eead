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
	Model    string   // path of the GGUF file
	Text     string   // path
	Context  int      // tokens a chunk, of which the second half is scored
	Chunks   int      // at most; 0 for the whole text
	Threads  int      // the runtime's
	Settings []string // FlashHead's, as "NAME=value"
}

// Estimate is a perplexity with its standard error.
type Estimate struct{ Value, Error float64 }

// endDelay is how long a program that is to end may take to close its outputs.
const endDelay = 5 * time.Second

var (
	estimate  = regexp.MustCompile(`Final estimate: PPL = ([0-9.]+) \+/- ([0-9.]+)`)
	tooLittle = regexp.MustCompile(`tokenizes to only (\d+) tokens`)
)

// ErrShortText is in the chain of an error when the text has too few tokens for one chunk.
var ErrShortText = errors.New("text too short")

// Perplexity runs llama-perplexity and hands the logits of all positions to read, as a stream in the format of its
// --kl-divergence-base: "_logits_", then little-endian int32 context, V, number of chunks and the text's tokens; then
//
//	for
//
// each position the float32 scale and smallest log probability, and V uint16, padded to an even number. read must read
// all of it; where the system allows, it runs in parallel with the program. The error is read's, or says why the
// program failed or did not use the head as the settings have it.
func (p Programs) Perplexity(ctx context.Context, pass Pass, read func(io.Reader) error) (Estimate, error) {
	run, stop := context.WithCancel(ctx)
	defer stop()
	args := []string{"--model", process.Absolute(pass.Model), "--file", process.Absolute(pass.Text), "--ctx-size",
		strconv.Itoa(pass.Context),
		// One chunk after the other: several at once take memory for the logits of all.
		"--batch-size", strconv.Itoa(pass.Context), "--threads", strconv.Itoa(pass.Threads)}
	if pass.Chunks > 0 {
		args = append(args, "--chunks", strconv.Itoa(pass.Chunks))
	}
	log := &log{}
	cmd := command(exec.CommandContext(run, p.perplexity, append(args, verbose...)...), pass.Settings, log)
	cmd.WaitDelay = endDelay
	readErr, runErr := stream(cmd, stop, read)
	var exit *exec.ExitError
	// a signal: Ctrl-C reaches both processes, and the program may be the quicker
	if errors.As(runErr, &exit) && !exit.Exited() {
		select {
		case <-run.Done():
		case <-time.After(time.Second):
		}
	}
	if ctx.Err() != nil {
		return Estimate{}, ctx.Err()
	}

	said := log.String()
	short := tooLittle.FindStringSubmatch(said)
	switch found := estimate.FindStringSubmatch(said); {
	case short != nil:
		return Estimate{}, hint.Wrap(fmt.Errorf("%w: it has %s tokens, chunks of %d need %d", ErrShortText, short[1],
			pass.Context, 2*pass.Context),
			"give a longer text, or a smaller --ctx")
	case readErr != nil && !errors.Is(readErr, io.ErrUnexpectedEOF): // that is for the program to explain
		return Estimate{}, readErr
	case runErr != nil || found == nil:
		return Estimate{}, failed(perplexityName, runErr, log)
	case readErr != nil:
		return Estimate{}, hint.Wrap(fmt.Errorf("%s wrote too few logits: %w", perplexityName, readErr),
			"build a new runtime: fh-ollama build")
	default:
		value, _ := strconv.ParseFloat(found[1], 64) // digits, as matched
		deviation, _ := strconv.ParseFloat(found[2], 64)
		return Estimate{value, deviation}, checkHead(log.Head(), pass.Settings)
	}
}

// failed is the error of a program that ended without a result.
func failed(name string, err error, log *log) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() {
		return hint.Wrap(fmt.Errorf("%s ended by %w", name, exit),
			"if the machine ran out of memory, close other programs, or take a smaller --ctx")
	}
	cause := log.lastWords()
	if cause == "" && err != nil {
		cause = err.Error()
	}
	return hint.New(fmt.Sprintf("%s failed: %s", name, cause), "check that this runtime can run the model")
}
