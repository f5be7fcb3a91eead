package llama

import (
	"bytes"
	"context"
	"encoding/json"
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

// BenchRun is one run of llama-bench: it loads the model, reads a prompt, and then, without it, decodes tokens.
type BenchRun struct {
	Model    string // path of the GGUF file
	Prompt   int    // tokens, 0 for none
	Tokens   int    // 0 for none
	Threads  int    // the runtime's
	Cold     bool   // without a first, untimed pass, so that LoadTime ends with the first token
	Settings []string
}

// Timing is what one run of llama-bench took.
type Timing struct {
	Prompt   float64       // tokens/s, 0 if there was none
	Decode   float64       // tokens/s, 0 if there was none
	LoadTime time.Duration // from the beginning of loading to the end of the first pass, as llama.cpp has it
	CPU      time.Duration // processor time of the whole run
	Peak     int64         // peak resident bytes, mapped file included, at least this program's; 0: unknown
	System   System
}

// System is what llama-bench says of where it runs.
type System struct {
	CPU     string `json:"cpu"`
	Backend string `json:"backend"`
	Commit  string `json:"llama_cpp"`
}

var loadTime = regexp.MustCompile(`load time = +([0-9.]+) ms`)

// Bench runs llama-bench once. The error says why it failed or did not use the head as the settings have it.
func (p Programs) Bench(ctx context.Context, run BenchRun) (Timing, error) {
	args := []string{"--model", process.Absolute(run.Model), "--n-prompt", strconv.Itoa(run.Prompt), "--n-gen",
		strconv.Itoa(run.Tokens),
		"--threads", strconv.Itoa(run.Threads), "--repetitions", "1", "--output", "jsonl", "--verbose"}
	if run.Cold {
		args = append(args, "--no-warmup")
	}
	said, out := &log{}, &bytes.Buffer{}
	cmd := command(exec.CommandContext(ctx, p.bench, args...), run.Settings, said)
	cmd.Stdout = out
	cmd.WaitDelay = endDelay
	err := cmd.Run()
	// a signal: Ctrl-C reaches both processes, and the program may be the quicker
	if ctx.Err() == nil && cmd.ProcessState.ExitCode() == -1 {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	if ctx.Err() != nil {
		return Timing{}, ctx.Err()
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && !exit.Exited():
		return Timing{}, hint.New(fmt.Sprintf("%s ended by %v", benchName, exit),
			"if the machine ran out of memory, close other programs, or take a smaller model")
	case err != nil:
		return Timing{}, failed(benchName, err, said)
	}
	timing, err := readTiming(out, run)
	if err != nil {
		return Timing{}, err
	}
	if found := loadTime.FindStringSubmatch(said.String()); found != nil {
		ms, _ := strconv.ParseFloat(found[1], 64) // digits, as matched
		timing.LoadTime = time.Duration(ms * float64(time.Millisecond))
	}
	timing.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	timing.Peak = peakMemory(cmd.ProcessState)
	return timing, checkHead(said.Head(), run.Settings)
}

// readTiming reads llama-bench's lines, one for the prompt and one for the tokens.
func readTiming(r io.Reader, run BenchRun) (Timing, error) {
	var t Timing
	for in := json.NewDecoder(r); ; {
		var line struct {
			Commit  string    `json:"build_commit"`
			CPU     string    `json:"cpu_info"`
			Backend string    `json:"backends"`
			Prompt  int       `json:"n_prompt"`
			Tokens  int       `json:"n_gen"`
			Times   []float64 `json:"samples_ns"`
		}
		err := in.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(line.Times) != 1 || line.Times[0] <= 0 {
			return Timing{}, hint.New(fmt.Sprintf("%s prints something unknown: %v", benchName, err),
				"build a new runtime: fh-ollama build")
		}
		speed := float64(line.Prompt+line.Tokens) / line.Times[0] * 1e9
		if line.Tokens > 0 {
			t.Decode = speed
		} else {
			t.Prompt = speed
		}
		t.System = System{line.CPU, line.Backend, line.Commit}
	}
	if t.Decode > 0 != (run.Tokens > 0) || t.Prompt > 0 != (run.Prompt > 0) {
		return Timing{}, hint.New(benchName+" did not measure what it was asked to", "build a new runtime: fh-ollama build")
	}
	return t, nil
}
