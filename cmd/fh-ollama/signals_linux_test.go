package main

import (
	"bytes"
	"errors"
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

// waiting starts fh-ollama after the shell command before, and returns when it waits for a server that never answers.
func waiting(t *testing.T, before string) *exec.Cmd {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	cmd := exec.Command("sh", "-c", before+"exec fh-ollama doctor")
	cmd.Env = append(os.Environ(), "OLLAMA_HOST="+listener.Addr().String(), "FH_OLLAMA_ROOT="+t.TempDir(),
		"FH_OLLAMA_LIB=none")
	cmd.Stderr = &bytes.Buffer{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	asked, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { asked.Close() }) // the reference keeps the garbage collector from closing it
	return cmd
}

// ended waits for the end of cmd, up to within.
func ended(t *testing.T, cmd *exec.Cmd, within time.Duration) bool {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < within; time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/stat")
		if _, state, _ := strings.Cut(string(stat), ") "); err != nil || strings.HasPrefix(state, "Z") {
			return true
		}
	}
	return false
}

// The exit code names the signal that ended the program, as shells expect.
func TestSignals(t *testing.T) {
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		cmd := waiting(t, "")
		cmd.Process.Signal(signal)
		if !ended(t, cmd, 2*time.Minute) {
			t.Fatalf("%v: it does not end", signal)
		}
		cmd.Wait()
		if said := cmd.Stderr.(*bytes.Buffer).String(); cmd.ProcessState.ExitCode() != code ||
			!strings.HasPrefix(said, "fh-ollama: interrupted\n") {
			t.Errorf("%v: it ends with %v and says %q", signal, cmd.ProcessState, said)
		}
	}
}

// A signal that was ignored when the program started does not end it.
func TestNohup(t *testing.T) {
	cmd := waiting(t, "trap '' HUP; ")
	cmd.Process.Signal(syscall.SIGHUP)
	if ended(t, cmd, 300*time.Millisecond) {
		t.Error("it ends with the terminal")
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if !ended(t, cmd, 2*time.Minute) {
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
	cmd := exec.Command("fh-ollama", "eval", gguftest.Write(t, "in.gguf", flashheadtest.File(4).Bytes()), "--lib", dir)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	pid := 0
	for begun := time.Now(); pid == 0; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(pids)
		if err == nil {
			pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		if err != nil && (time.Since(begun) > 2*time.Minute || !errors.Is(err, os.ErrNotExist)) {
			t.Fatal(err)
		}
	}
	defer syscall.Kill(pid, syscall.SIGKILL)
	cmd.Process.Signal(syscall.SIGINT)
	if ended(t, cmd, 500*time.Millisecond) {
		t.Fatal("it ends before what it started")
	}
	cmd.Process.Signal(syscall.SIGINT)
	if !ended(t, cmd, 2*time.Minute) {
		t.Fatal("the second signal does not end it")
	}
	cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("it ended with %v", cmd.ProcessState)
	}
}
