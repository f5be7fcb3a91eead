package step

import (
	"context"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// patience is the time before a display says that it waits.
const patience = time.Second

// Lock locks the file at path, and waits while another process has it locked. It gives up when ctx ends.
func (s *Steps) Lock(ctx context.Context, path string) (unlock func(), err error) {
	type result struct {
		unlock func()
		err    error
	}
	locked := make(chan result, 1)
	go func() {
		unlock, err := lockedfile.MutexAt(path).Lock()
		locked <- result{unlock, err}
	}()
	select {
	case r := <-locked:
		return r.unlock, r.err
	case <-time.After(patience):
		s.mu.Lock()
		s.line("%-*s another build, which has locked %s", nameWidth, "waiting for", path)
		s.mu.Unlock()
	}
	select {
	case r := <-locked:
		return r.unlock, r.err
	case <-ctx.Done():
		go func() { // nobody waits for it any more
			if r := <-locked; r.err == nil {
				r.unlock()
			}
		}()
		return nil, ctx.Err()
	}
}

// Lock is Steps.Lock while a step runs.
func (st *Step) Lock(ctx context.Context, path string) (unlock func(), err error) {
	return st.steps.Lock(ctx, path)
}
