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

// BenchRun is one run of llama-bench. It loads the model, reads a prompt, and decodes tokens from an empty context.
type BenchRun struct {
	Model    string // path of the GGUF file
	Prompt   int    // tokens, 0 for none
	Tokens   int    // 0 for none
	Threads  int
	Cold     bool     // no warm-up, so that LoadTime ends with the first token
	Settings []string // FlashHead's, as "NAME=value"
}

// Timing is the result of one run of llama-bench.
type Timing struct {
	Prompt   float64       // tokens/s, 0 without a prompt
	Decode   float64       // tokens/s, 0 without tokens
	LoadTime time.Duration // llama.cpp's: from the start of loading to the end of the first pass
	CPU      time.Duration // processor time of the whole run
	Peak     int64         // peak resident bytes with the mapped file, at least this process's; 0: unknown
	System   System
}

// System is the machine and the build that llama-bench names.
type System struct {
	CPU     string `json:"cpu"`
	Backend string `json:"backend"`
	Commit  string `json:"llama_cpp"`
}

var loadTime = regexp.MustCompile(`load time = +([0-9.]+) ms`)

// Bench runs llama-bench once. It is an error if the head does not run as the settings ask. Errors carry a hint.
func (p Programs) Bench(ctx context.Context, run BenchRun) (Timing, error) {
	args := []string{"--model", process.Absolute(run.Model), "--n-prompt", strconv.Itoa(run.Prompt), "--n-gen",
		strconv.Itoa(run.Tokens),
		"--threads", strconv.Itoa(run.Threads), "--repetitions", "1", "--output", "jsonl", "--verbose"}
	if run.Cold {
		args = append(args, "--no-warmup")
	}
	said, out := &log{}, &bytes.Buffer{}
	cmd := command(exec.CommandContext(ctx, p.path(benchName), args...), run.Settings, said)
	cmd.Stdout = out
	cmd.WaitDelay = endDelay
	err := cmd.Run()
	awaitInterrupt(ctx, cmd)
	if ctx.Err() != nil {
		return Timing{}, ctx.Err()
	}
	if err != nil {
		return Timing{}, failed(benchName, err, said)
	}
	timing, err := readTiming(out, run)
	if err != nil {
		return Timing{}, err
	}
	if found := loadTime.FindStringSubmatch(said.String()); found != nil {
		ms, _ := strconv.ParseFloat(found[1], 64)
		timing.LoadTime = time.Duration(ms * float64(time.Millisecond))
	}
	timing.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	timing.Peak = peakMemory(cmd.ProcessState)
	return timing, checkHead(said.Head(), run.Settings)
}

// readTiming reads the JSON lines of llama-bench, one for the prompt and one for the tokens.
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
			return Timing{}, hint.New(fmt.Sprintf("the output of %s is unexpected: %v", benchName, err),
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
		return Timing{}, hint.New(benchName+" did not measure what was asked for", "build a new runtime: fh-ollama build")
	}
	return t, nil
}
