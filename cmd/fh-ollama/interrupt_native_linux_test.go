package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInterrupt sends Ctrl-C's signal, to the program alone, while the native tool is clustering, or while a model
// reads the text of a calibration: the program ends with 130, what it started ends too, and no file is left.
func TestInterrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the native tool")
	}
	t.Run("clustering", func(t *testing.T) { interrupt(t, "llama-flashhead", "--iterations", "1000", "--plain") })
	t.Run("reading", func(t *testing.T) {
		interrupt(t, "llama-server", "--calibrate", "../../integration/testdata/heldout.txt")
	})
}

func interrupt(t *testing.T, child string, flags ...string) {
	out := t.TempDir()
	cmd := exec.Command("fh-ollama", append([]string{"convert", "../../integration/testdata/fh-demo-12m-q8_0.gguf",
		"-o", filepath.Join(out, "out.gguf"), "--lib", nativeDir(t)}, flags...)...)
	interruptWhile(t, cmd, child, func(string) {
		if entries, _ := os.ReadDir(out); len(entries) != 1 || !strings.Contains(entries[0].Name(), ".partial-") {
			t.Errorf("while it runs the folder should have the partial file alone, but has %v", entries)
		}
	})
	if entries, _ := os.ReadDir(out); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// interruptWhile starts cmd and interrupts it, after look, while its child of that name runs. cmd must end with 130 and
// two lines, and leave no temporary file and no child.
func interruptWhile(t *testing.T, cmd *exec.Cmd, child string, look func(tmp string)) {
	cache := t.TempDir()
	tmp := filepath.Join(cache, "temporary")
	cmd.Env = append(os.Environ(), "FH_OLLAMA_CACHE="+cache)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
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
			t.Fatalf("it ended before it could be interrupted: %v: %s", err, stderr.String())
		default:
		}
		if time.Since(begun) > 5*time.Minute {
			t.Fatal(child + " does not start")
		}
		if found := childOf(cmd.Process.Pid, child); worked(found) {
			pid = found
		}
	}
	look(tmp)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Minute):
		t.Fatal("it does not end")
	}
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	if want := "fh-ollama: interrupted\n  run the same command again"; !strings.Contains(stderr.String(), want) {
		t.Errorf("stderr is %q", stderr.String())
	}
	if entries, _ := os.ReadDir(tmp); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	if _, err := os.Stat("/proc/" + pid); err == nil {
		t.Error(child + " still runs")
	}
}

// worked reports whether a process has used processor time.
func worked(pid string) bool {
	stat, _ := os.ReadFile("/proc/" + pid + "/stat")
	_, rest, _ := strings.Cut(string(stat), ") ") // after the name: fields 3 and up of proc(5)
	fields := strings.Fields(rest)
	return pid != "" && len(fields) > 12 && (fields[11] != "0" || fields[12] != "0")
}

// childOf returns the process id of a child with the given name, or "".
func childOf(pid int, name string) string {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range threads {
		children, _ := os.ReadFile(file)
		for child := range strings.FieldsSeq(string(children)) {
			comm, _ := os.ReadFile("/proc/" + child + "/comm")
			if strings.TrimSpace(string(comm)) == name[:min(len(name), 15)] { // the kernel keeps 15 characters
				return child
			}
		}
	}
	return ""
}
