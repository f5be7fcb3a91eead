// Package process runs a program that keeps running, with everything it starts, and always ends it.
package process

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// stopTimeout is how long a program may take to end by itself.
const stopTimeout = 10 * time.Second

// ErrEnded is returned by Await when the program ends instead of answering.
var ErrEnded = errors.New("the program ended before it answered")

// Process is a running program with everything it starts, as one group.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has ended
	err  error         // how; to be read once done is closed
}

// Start runs cmd in a group of its own, so that Ctrl-C does not reach it before Stop does.
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

// PID is the number of the program's process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended waits for the program's end, up to timeout. ended is false if it still runs, and err is as of exec.Cmd's Wait.
func (p *Process) Ended(timeout time.Duration) (err error, ended bool) {
	select {
	case <-p.done: // before the clock, which may have run out as well
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

// Await calls ready until it returns nil, the program ends, time is up or ctx is done.
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

// Stop asks the group to end, makes it end if it does not, and returns when the program is gone.
func (p *Process) Stop() {
	terminate(p.cmd)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
	}
	kill(p.cmd) // children that outlived the program, or all
	<-p.done
}
