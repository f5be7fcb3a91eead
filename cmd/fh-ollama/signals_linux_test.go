package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// running is a command that was started.
type running struct {
	*exec.Cmd
	said  bytes.Buffer // standard error, complete when it has ended
	ended chan struct{}
}

// start starts cmd, and kills it when the test ends.
func start(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	r := &running{Cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &r.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-r.ended
	})
	return r
}

// endsWithin waits for the end of the command.
func (r *running) endsWithin(limit time.Duration) bool {
	select {
	case <-r.ended:
		return true
	case <-time.After(limit):
		return false
	}
}

// waiting starts fh-ollama after the shell command before, and returns when it waits for a server that never answers.
func waiting(t *testing.T, before string) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	cmd := exec.Command("sh", "-c", before+"exec fh-ollama doctor")
	cmd.Env = append(os.Environ(), "OLLAMA_HOST="+listener.Addr().String(), "FH_OLLAMA_ROOT="+t.TempDir(),
		"FH_OLLAMA_LIB=none")
	r := start(t, cmd)
	asked, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { asked.Close() }) // the reference keeps the garbage collector from closing it
	return r
}

// The exit code names the signal that ended the program, as shells expect.
func TestSignals(t *testing.T) {
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		cmd := waiting(t, "")
		cmd.Process.Signal(signal)
		if !cmd.endsWithin(2 * time.Minute) {
			t.Fatalf("%v: it does not end", signal)
		}
		if said := cmd.said.String(); cmd.ProcessState.ExitCode() != code ||
			!strings.HasPrefix(said, "fh-ollama: interrupted\n") {
			t.Errorf("%v: it ends with %v and says %q", signal, cmd.ProcessState, said)
		}
	}
}

// A signal that was ignored when the program started does not end it.
func TestNohup(t *testing.T) {
	cmd := waiting(t, "trap '' HUP; ")
	cmd.Process.Signal(syscall.SIGHUP)
	if cmd.endsWithin(300 * time.Millisecond) {
		t.Error("it ends with the terminal")
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if !cmd.endsWithin(2 * time.Minute) {
		t.Error("it does not end")
	}
}

// The first Ctrl-C waits for a llama-server that does not end, the second does not wait.
func TestSecondInterrupt(t *testing.T) {
	dir := t.TempDir()
	pids := filepath.Join(dir, "pid")
	stubborn := "#!/bin/sh\ntrap '' TERM INT\necho $$ >" + pids + ".new; mv " + pids + ".new " + pids +
		"\nfor i in $(seq 6000); do sleep 0.1; done\n"
	for _, name := range []string{"llama-server", "llama-perplexity"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(stubborn), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	eval := exec.Command("fh-ollama", "eval", gguftest.Write(t, "in.gguf", flashheadtest.File(4).Bytes()), "--lib", dir)
	eval.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	cmd, pid := start(t, eval), 0
	for begun := time.Now(); pid == 0; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(pids)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		if time.Since(begun) > 2*time.Minute {
			t.Fatal("llama-server does not start")
		}
	}
	defer syscall.Kill(pid, syscall.SIGKILL)
	cmd.Process.Signal(syscall.SIGINT)
	if cmd.endsWithin(500 * time.Millisecond) {
		t.Fatal("it ends before what it started")
	}
	cmd.Process.Signal(syscall.SIGINT)
	if !cmd.endsWithin(2 * time.Minute) {
		t.Fatal("the second signal does not end it")
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("it ended with %v", cmd.ProcessState)
	}
}
