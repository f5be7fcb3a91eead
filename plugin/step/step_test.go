package step

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shell is a command that runs a script.
func shell(t *testing.T, script string) Command {
	return Command{Path: "/bin/sh", Args: []string{"-c", script}, Dir: t.TempDir(),
		Log: filepath.Join(t.TempDir(), "logs", "step.log")}
}

func TestFailingStepShowsCommandTailAndLog(t *testing.T) {
	var out bytes.Buffer
	c := shell(t, "i=1; while [ $i -le 30 ]; do echo line $i; i=$((i+1)); done; printf 'last words' >&2; exit 3")
	err := New(&out).Do("compile", func(*Step) error { return c.Run(t.Context()) })
	if err == nil || err.Error() != "compile: sh: exit status 3" {
		t.Errorf("error %q", err)
	}
	got := out.String()
	for _, want := range []string{"compile              failed after ", "  $ /bin/sh -c 'i=1; while",
		"  | line 30\n  | last words\n", "  whole log: " + c.Log} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "  | "); n != tailLines || strings.Contains(got, "| line 11\n") {
		t.Errorf("%d lines of the log in:\n%s", n, got)
	}
	log, readErr := os.ReadFile(c.Log)
	if readErr != nil || !strings.Contains(string(log), "$ cd "+c.Dir) || !strings.Contains(string(log), "line 1\n") {
		t.Errorf("log: %v\n%s", readErr, log)
	}
}

func TestProgressOffATerminalIsALineEveryTenPercent(t *testing.T) {
	var out bytes.Buffer
	steps := New(&out)
	steps.Wait = 0
	err := steps.Do("compile", func(st *Step) error {
		for i := range 201 {
			st.Progress(i+1, 201)
		}
		st.Note("201 steps")
		return nil
	})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if err != nil || len(lines) != 10 {
		t.Fatalf("error %v, lines:\n%s", err, out.String())
	}
	if !strings.Contains(lines[0], " 10 %  (21 of 201)") || !strings.HasPrefix(lines[9],
		"compile              201 steps  0.") {
		t.Errorf("lines:\n%s", out.String())
	}
}

func TestLiveLineIsOverwritten(t *testing.T) {
	var out bytes.Buffer
	steps := New(&out)
	steps.live = true
	drawn := func() bool {
		steps.mu.Lock()
		defer steps.mu.Unlock()
		return strings.Contains(out.String(), "############............ 100/200")
	}
	err := steps.Do("compile", func(st *Step) error {
		st.Progress(100, 200)
		for deadline := time.Now().Add(2 * time.Minute); !drawn(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				return errors.New("no bar was drawn")
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("%v in %q", err, out.String())
	}
	got := out.String()
	if strings.Count(got, "\n") != 1 || !strings.Contains(got[strings.LastIndex(got, "\r"):], "compile") {
		t.Errorf("drew %q", got)
	}
}

func TestInterruptedCommandStopsAndIsNotAFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := shell(t, "trap 'echo interrupted; exit 1' INT; echo started; while :; do sleep 0.05; done")
	var lines []string
	c.OnLine = func(line string) {
		lines = append(lines, line)
		cancel()
	}
	err := c.Run(ctx)
	var failed *CommandError
	if !errors.Is(err, context.Canceled) || errors.As(err, &failed) {
		t.Errorf("error %v", err)
	}
	if got := strings.Join(lines, " "); got != "started interrupted" {
		t.Errorf("it printed %q", got)
	}
}

func TestCommandCanBePasted(t *testing.T) {
	c := Command{Path: "/bin/sh", Args: []string{"-c", "printf '%s|' \"$@\"", "sh", "a b", "it's", "", "-DX=y;z", "$HOME"},
		Dir: t.TempDir()}
	var direct, pasted []string
	c.Log, c.OnLine = filepath.Join(t.TempDir(), "l"), func(l string) { direct = append(direct, l) }
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := shell(t, c.String())
	again.OnLine = func(l string) { pasted = append(pasted, l) }
	if err := again.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := "[a b|it's||-DX=y;z|$HOME|]"; fmt.Sprint(direct) != want || fmt.Sprint(pasted) != want {
		t.Errorf("direct %v, pasted %v", direct, pasted)
	}
}

// A second process waits for the lock, says so, and can be interrupted.
func TestLock(t *testing.T) {
	var out bytes.Buffer
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := New(&out).Lock(t.Context(), path)
	if err != nil || out.Len() > 0 {
		t.Fatalf("%v, said %q", err, &out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := New(&out).Lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second lock: %v", err)
	}
	if !strings.Contains(out.String(), "another build, which has locked "+path) {
		t.Errorf("said %q", &out)
	}
	unlock()
}
