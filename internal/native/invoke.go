package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

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
	var stderr tail
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
	if strings.Contains(cause, "version `GLIBC") { // also GLIBCXX; said of the tool or of its code
		return hint.New(what+" failed, this system is older than the native tool: "+cause,
			"build the tool here: fh-ollama build --plugin")
	}
	if exit != nil && exit.ExitCode() == exitNoGGML {
		return hint.New(what+" failed: "+cause, "update Ollama, or build one that brings a tool of its own: fh-ollama build")
	}
	if exit != nil && exit.ExitCode() == exitWrongUse {
		return hint.New(what+" failed: "+cause, rebuild)
	}
	switch {
	case strings.HasPrefix(cause, "cannot start "): // threads
		return hint.New(what+" failed: "+cause,
			"give fewer --threads, or allow more processes and memory (ulimit -u, ulimit -v)")
	case cause == "out of memory":
		return hint.New(what+" failed: "+cause, "close other programs and try again; fewer --threads need less memory")
	}
	return hint.New(what+" failed: "+cause, "if the file loads in Ollama, this is a fault of the tool; please report it")
}

// tail keeps the end of the text written to it.
type tail struct{ bytes.Buffer }

const tailBytes = 8 << 10

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.Buffer.Write(p)
	if n := t.Len() - tailBytes; n > 0 {
		t.Next(n)
	}
	return len(p), nil
}
