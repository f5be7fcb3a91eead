// Package process runs programs and servers, and always ends them with everything they start.
package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// stopTimeout is how long a program may take to end after SIGTERM.
const stopTimeout = 10 * time.Second

// ErrEnded is returned by Await when the program ends instead of answering.
var ErrEnded = errors.New("the program ended before it answered")

// Process is a running program in a process group of its own.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has ended
	err  error         // of exec.Cmd's Wait; valid once done is closed
}

// Start starts cmd in a process group of its own, so that Ctrl-C does not reach it.
func Start(cmd *exec.Cmd) (*Process, error) {
	ownGroup(cmd)
	cmd.WaitDelay = stopTimeout // children may keep its outputs open
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended waits up to timeout for the program to end. err is that of exec.Cmd's Wait.
func (p *Process) Ended(timeout time.Duration) (err error, ended bool) {
	select {
	case <-p.done: // takes precedence over the timeout
		return p.err, true
	default:
	}
	select {
	case <-p.done:
		return p.err, true
	case <-time.After(timeout):
		return nil, false
	}
}

// Await calls ready until it returns nil. It fails when the program ends (ErrEnded), after timeout, or when ctx is
// done.
func (p *Process) Await(ctx context.Context, timeout time.Duration, ready func() error) error {
	deadline := time.Now().Add(timeout)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no answer within %s: %w", timeout, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			return ErrEnded
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop terminates the group, kills it after stopTimeout, and waits for the program.
func (p *Process) Stop() {
	terminate(p.cmd)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
	}
	kill(p.cmd) // also children that outlived the program
	<-p.done
}

// InOwnFolder runs cmd, a program of llama.cpp, in its own folder. ggml also loads libggml-NAME-*.so from the working
// directory, where anybody may have put files. Paths in cmd.Args must be absolute.
func InOwnFolder(cmd *exec.Cmd) { cmd.Dir = filepath.Dir(cmd.Path) }

// Absolute returns the absolute path for a program in another working directory.
func Absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path // the program reports the error
}
