package step

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

// tailLines is how many lines of output a failed command shows.
const tailLines = 20

// CommandError is the error of a command that ran and failed.
type CommandError struct {
	Command string   // shell command line
	Tail    []string // the last lines of its output
	Log     string   // path of the complete output
	Err     error
}

// Error names the program and its exit in one line.
func (e *CommandError) Error() string {
	program, _, _ := strings.Cut(e.Command, " ")
	return fmt.Sprintf("%s: %v", filepath.Base(program), e.Err)
}

func (e *CommandError) Unwrap() error { return e.Err }

// Command is a program that a step runs.
type Command struct {
	Path   string
	Args   []string
	Dir    string
	Env    []string          // added to process.Environment
	Log    string            // path of the log that gets all output
	Stdout *bytes.Buffer     // if set, gets standard output instead of the log
	OnLine func(line string) // if set, is called for every line of output
}

// Run runs the command. The error is a *CommandError if the program fails, and ctx.Err() after a cancel.
func (c Command) Run(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(c.Log), 0o755); err != nil {
		return err
	}
	log, err := os.Create(c.Log)
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Fprintf(log, "$ cd %s && %s\n", commandline.Quote(c.Dir), c)

	lines := &lineWriter{log: log, onLine: c.OnLine}
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = process.Environment(c.Env...)
	cmd.Stdout, cmd.Stderr = lines, lines
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	// On an interrupt, build tools stop their children and remove half-written files.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second

	err = cmd.Run()
	lines.flush()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &CommandError{Command: c.String(), Tail: lines.tail, Log: c.Log, Err: err}
	}
	return nil
}

// String returns the shell command line.
func (c Command) String() string {
	words := []string{commandline.Quote(c.Path)}
	for _, a := range c.Args {
		words = append(words, commandline.Quote(a))
	}
	return strings.Join(words, " ")
}

// lineWriter copies output to a log and keeps its last lines. It needs no lock: exec.Cmd uses one goroutine if standard
// output and standard error are the same writer.
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
