package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// stopTimeout is how long a program may take to end by itself.
const stopTimeout = 10 * time.Second

// process is a running program with everything it starts, as one group.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has ended
}

// start runs cmd in its own group with both outputs going to the file log.
func start(cmd *exec.Cmd, log string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the program has its own copy
	cmd.Stdout, cmd.Stderr = out, out
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// await calls ready until it returns nil, the program ends, time is up or ctx is done.
func (p *process) await(ctx context.Context, timeout time.Duration, ready func() error) error {
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
			return errEnded
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop asks the group to end, makes it end if it does not, and returns when the program is gone.
func (p *process) stop() {
	terminate(p.cmd)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
	}
	kill(p.cmd) // children that outlived the program, or all
	<-p.done
}
