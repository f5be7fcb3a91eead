package plugin

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// tailLines is how much of its log a failing command shows.
const tailLines = 20

// CommandError is a command that ran and failed.
type CommandError struct {
	Command string   // as one would type it in a shell
	Tail    []string // the last lines of its output
	Log     string   // file with all of its output
	Err     error
}

// Error names the program and how it ended, in one line.
func (e *CommandError) Error() string {
	program, _, _ := strings.Cut(e.Command, " ")
	return fmt.Sprintf("%s: %v", filepath.Base(program), e.Err)
}

// Unwrap returns how the process ended.
func (e *CommandError) Unwrap() error { return e.Err }

// command is one program run by a step.
type command struct {
	path   string
	args   []string
	dir    string
	env    []string          // added to process.Environment
	log    string            // file that receives all output
	stdout *bytes.Buffer     // receives standard output too, if set
	onLine func(line string) // sees every line of output, if set
}

// run executes c. It returns a *CommandError if the program fails, and ctx's error if that was the cause.
func (c command) run(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(c.log), 0o755); err != nil {
		return err
	}
	log, err := os.Create(c.log)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(log, "$ cd %s && %s\n", commandline.Quote(c.dir), c)

	lines := &lineWriter{log: log, onLine: c.onLine}
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Dir = c.dir
	cmd.Env = process.Environment(c.env...)
	cmd.Stdout, cmd.Stderr = lines, lines
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
	// An interrupt lets the build tools stop their children and remove half-written files.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second

	err = cmd.Run()
	lines.flush()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &CommandError{Command: c.String(), Tail: lines.tail, Log: c.log, Err: err}
	}
	return nil
}

// String is the command as one would type it.
func (c command) String() string {
	words := []string{commandline.Quote(c.path)}
	for _, a := range c.args {
		words = append(words, commandline.Quote(a))
	}
	return strings.Join(words, " ")
}

// lineWriter copies output to a log and remembers its last lines. exec.Cmd never calls Write from two goroutines when
// standard output and standard error are the same writer.
type lineWriter struct {
	log     *os.File
	onLine  func(string)
	partial []byte
	tail    []string
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.partial = append(w.partial, p...)
	for {
		i := bytes.IndexByte(w.partial, '\n')
		if i < 0 {
			break
		}
		w.line(string(bytes.TrimRight(w.partial[:i], "\r")))
		w.partial = w.partial[i+1:]
	}
	return w.log.Write(p)
}

func (w *lineWriter) flush() {
	if len(w.partial) > 0 {
		w.line(string(w.partial))
		w.partial = nil
	}
}

func (w *lineWriter) line(l string) {
	if len(w.tail) == tailLines {
		w.tail = w.tail[1:]
	}
	w.tail = append(w.tail, l)
	if w.onLine != nil {
		w.onLine(l)
	}
}
