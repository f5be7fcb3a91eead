// Package step shows what a build is doing, step by step, and runs the programs that do it.
package step

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/term"
)

// Steps displays the progress of a build: one line per step, with its duration. On a terminal the line of the running
// step is live. Elsewhere a long step adds a line every ten percent.
type Steps struct {
	out  io.Writer
	live bool
	Wait time.Duration // off a terminal, a step shows no progress before

	mu sync.Mutex // guards out and the running step
}

// New returns a display on out, live if out is a terminal.
func New(out io.Writer) *Steps {
	f, ok := out.(*os.File)
	return &Steps{out: out, live: ok && term.IsTerminal(int(f.Fd())), Wait: 5 * time.Second}
}

// Step is the running step.
type Step struct {
	steps *Steps
	name  string
	start time.Time
	note  string
	done  int
	total int
	unit  string // of done and total, with a leading space; "" for a count
	tenth int    // tenths printed so far
}

const nameWidth = 20

// Do runs f as the step called name. If a command fails, Do shows the command, the end of its output and the path of
// its log. It returns the error of f, prefixed with name.
func (s *Steps) Do(name string, f func(*Step) error) error {
	st := &Step{steps: s, name: name, start: time.Now()}
	stop := st.animate()
	err := f(st)
	stop()

	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.line("%-*s %s  %s", nameWidth, name, st.note, elapsed(st.start))
		return nil
	}
	how := "failed"
	if errors.Is(err, context.Canceled) {
		how = "interrupted"
	}
	s.line("%-*s %s after %s", nameWidth, name, how, elapsed(st.start))
	var failed *CommandError
	if errors.As(err, &failed) {
		fmt.Fprintf(s.out, "  $ %s\n", failed.Command)
		for _, l := range failed.Tail {
			fmt.Fprintf(s.out, "  | %s\n", l)
		}
		fmt.Fprintf(s.out, "  whole log: %s\n", failed.Log)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Note sets the text beside the step's name.
func (st *Step) Note(format string, args ...any) {
	st.steps.mu.Lock()
	defer st.steps.mu.Unlock()
	st.note = fmt.Sprintf(format, args...)
}

// Progress reports that done of total parts are finished.
func (st *Step) Progress(done, total int) { st.progress(done, total, "") }

// ProgressBytes reports that done of total bytes have arrived; total < 0 if unknown.
func (st *Step) ProgressBytes(done, total int64) {
	const mega = 1_000_000
	st.progress(int(done/mega), int(total/mega), " MB")
}

func (st *Step) progress(done, total int, unit string) {
	s := st.steps
	s.mu.Lock()
	defer s.mu.Unlock()
	st.done, st.total, st.unit = done, total, unit
	if s.live || total <= 0 || time.Since(st.start) < s.Wait {
		return
	}
	if tenth := 10 * done / total; tenth > st.tenth && done < total {
		st.tenth = tenth
		s.line("%-*s %3d %%  (%d of %d%s)  %s", nameWidth, st.name, 100*done/total, done, total, unit, elapsed(st.start))
	}
}

// animate redraws the live line until the returned function is called.
func (st *Step) animate() (stop func()) {
	if !st.steps.live {
		return func() {}
	}
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			st.draw()
			select {
			case <-tick.C:
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-gone }
}

func (st *Step) draw() {
	s := st.steps
	s.mu.Lock()
	defer s.mu.Unlock()
	line := fmt.Sprintf("%-*s", nameWidth, st.name)
	if st.total > 0 {
		const width = 24
		full := width * st.done / st.total
		bar := strings.Repeat("#", full) + strings.Repeat(".", width-full)
		line += fmt.Sprintf(" %s %d/%d%s", bar, st.done, st.total, st.unit)
	} else if st.note != "" {
		line += " " + st.note
	}
	fmt.Fprintf(s.out, "\r\x1b[K%s  %s", line, elapsed(st.start))
}

// line prints a finished line over the live one. The caller holds mu.
func (s *Steps) line(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), " ")
	if s.live {
		text = "\r\x1b[K" + text
	}
	fmt.Fprintln(s.out, text)
}

// elapsed formats the time since start: 0.4s, 12s, 7m31s.
func elapsed(start time.Time) string {
	d := time.Since(start)
	if d < 10*time.Second {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// Named is a step to run.
type Named struct {
	Name string
	Do   func(context.Context, *Step) error
}

// DoAll runs list in order and stops at the first error.
func (s *Steps) DoAll(ctx context.Context, list []Named) error {
	for _, next := range list {
		if err := s.Do(next.Name, func(st *Step) error { return next.Do(ctx, st) }); err != nil {
			return err
		}
	}
	return nil
}

// Count formats n with the right form of its noun: "1 file", "2 files".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

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
