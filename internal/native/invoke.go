package native

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Progress is the state of a running clustering or calibration.
type Progress struct {
	Stage      string   `json:"stage"` // read, start or balance; of a calibration moment, residuals, directions or records
	Iteration  int      `json:"iteration"`
	Iterations int      `json:"iterations"`
	Fraction   float64  `json:"fraction"`  // 0..1 of the whole
	Objective  *float64 `json:"objective"` // mean of 1 - cosine(row, its centroid); nil while unknown
	Imbalance  *float64 `json:"imbalance"` // largest cluster over mean size, minus 1; nil while unknown
}

// event is one line of the tool's output.
type event struct {
	Event string `json:"event"` // progress or done; others do not matter here
	Progress
	Clusters uint32  `json:"clusters"` // K, of a clustering
	Near     float64 `json:"near"`     // of a calibration
	Exact    float64 `json:"exact"`    // of a calibration
}

const rebuild = "tool and program do not fit together: build again with fh-ollama build"

// follow is invoke for a command that prints events. It calls report for each progress event, and returns the done
// event.
func (t Tool) follow(ctx context.Context, what string, args []string, report func(Progress)) (done event, err error) {
	err = t.invoke(ctx, what, args, func(stdout io.Reader) error {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			var e event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				return hint.Wrap(fmt.Errorf("%s said %q: %w", toolName, lines.Text(), err), rebuild)
			}
			switch e.Event {
			case "progress":
				report(e.Progress)
			case "done":
				done = e
			}
		}
		return lines.Err()
	})
	if err == nil && done.Event == "" {
		err = hint.New(toolName+" ended without a result", rebuild)
	}
	return done, err
}

// invoke runs the native tool; what names the task in errors. read reads the tool's output to its end; if it fails or
// ctx ends, the tool is killed. Paths in args are absolute.
func (t Tool) invoke(ctx context.Context, what string, args []string, read func(io.Reader) error) error {
	if t.GGML != "" {
		args = append([]string{"--ggml", t.GGML}, args...)
	}
	cmd := exec.CommandContext(ctx, t.Path, args...)
	cmd.Env = process.Environment()
	cmd.WaitDelay = 5 * time.Second
	process.EndWithParent(cmd)
	process.InOwnFolder(cmd)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return hint.Wrap(err, "build the native tool again: fh-ollama build")
	}
	readErr := read(stdout)
	if readErr != nil {
		cmd.Process.Kill()
	}
	err = cmd.Wait()
	if cmd.ProcessState.ExitCode() == -1 { // a signal: Ctrl-C reaches both processes, and the tool may end first
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case readErr != nil:
		return readErr
	case err != nil:
		return failure(what, err, stderr.String())
	}
	return nil
}

// Exit codes: of an unknown command, and of the plug-in's tool with an unusable ggml.
const (
	exitWrongUse = 2
	exitNoGGML   = 3
)

// failure turns the tool's exit into an error with the cause that it printed.
func failure(what string, err error, stderr string) error {
	cause := ""
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "error: "); ok {
			cause = text
		} else if line != "" && cause == "" {
			cause = line
		}
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() {
		return hint.Wrap(fmt.Errorf("%s ended by %w", what, exit),
			"if the machine ran out of memory, close other programs and try again")
	}
	if cause == "" {
		cause = err.Error()
	}
	failed, way := what+" failed", "if the file loads in Ollama, this is a fault of the tool; please report it"
	switch {
	case strings.Contains(cause, "version `GLIBC"): // also GLIBCXX; said of the tool or of its code
		failed, way = failed+", this system is older than the native tool", "build the tool here: fh-ollama build --plugin"
	case exit != nil && exit.ExitCode() == exitNoGGML:
		way = "update Ollama, or build one that brings a tool of its own: fh-ollama build"
	case exit != nil && exit.ExitCode() == exitWrongUse:
		way = rebuild
	case strings.HasPrefix(cause, "cannot start "): // threads
		way = "give fewer --threads, or allow more processes and memory (ulimit -u, ulimit -v)"
	case strings.HasPrefix(cause, "cannot write "):
		way = "free some space, or " + atomicfile.Elsewhere
	case cause == "out of memory":
		way = "close other programs and try again; fewer --threads need less memory"
	}
	return hint.New(failed+": "+cause, way)
}
