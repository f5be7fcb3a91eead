package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInterruptEval sends Ctrl-C's signal, to the program alone, while a server or a pass over the text runs: the program
// ends with 1, what it started ends too, and no file is left.
func TestInterruptEval(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the native programs")
	}
	model := filepath.Join(t.TempDir(), "fast.gguf")
	convert := exec.Command("fh-ollama", "convert", "../../integration/testdata/fh-demo-12m-q8_0.gguf", "-o", model,
		"--iterations", "1", "--lib", nativeDir(t))
	if out, err := convert.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, child := range []string{"llama-server", "llama-perplexity"} {
		t.Run(child, func(t *testing.T) { interruptEval(t, model, child) })
	}
}

func interruptEval(t *testing.T, model, child string) {
	tmp := t.TempDir()
	cmd := exec.Command("fh-ollama", "eval", model, "--text", "../../integration/testdata/heldout.txt", "--lib", nativeDir(t))
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer cmd.Process.Kill()

	pid := ""
	for begun := time.Now(); pid == ""; time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-ended:
			t.Fatalf("it ended before it could be interrupted: %v: %s", err, printed.String())
		default:
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("%s does not start", child)
		}
		pid = childOf(cmd.Process.Pid, child)
	}
	time.Sleep(100 * time.Millisecond) // into its work
	if entries, _ := os.ReadDir(tmp); len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "fh-ollama-eval-") {
		t.Errorf("while it runs there should be one folder, but there are %v", entries)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.HasSuffix(printed.String(), "fh-ollama: interrupted\n  run the same command again; nothing was left half done\n") {
		t.Errorf("exit code %d: %s", code, printed.String())
	}
	if entries, _ := os.ReadDir(tmp); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	if _, err := os.Stat("/proc/" + pid); err == nil {
		t.Errorf("%s still runs", child)
	}
}
