package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInterrupt sends Ctrl-C's signal, to the program alone, while a native program works for a command: the command ends
// with 130 and two lines, what it started ends too, and no file is left.
func TestInterrupt(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the native programs")
	}
	const model, text = "../../integration/testdata/fh-demo-12m-q8_0.gguf", "../../integration/testdata/heldout.txt"
	fast := filepath.Join(t.TempDir(), "fast.gguf")
	convert := exec.Command("fh-ollama", "convert", model, "-o", fast, "--iterations", "1", "--plain", "--lib",
		nativeDir(t))
	if out, err := convert.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, c := range map[string]struct {
		args  []string
		child string // the native program
		holds string // part of the only name in the folder of the output, or else of temporary files
	}{
		"clustering": {[]string{"convert", model, "--iterations", "1000", "--plain"}, "llama-flashhead", ".partial-"},
		"reading":    {[]string{"convert", model, "--calibrate", text}, "llama-server", ".partial-"},
		"serving":    {[]string{"eval", fast, "--text", text}, "llama-server", "fh-ollama-eval-"},
		"scoring":    {[]string{"eval", fast, "--text", text}, "llama-perplexity", "fh-ollama-eval-"},
		"timing":     {[]string{"bench", "--shape", "gemma-3-270m"}, "llama-bench", "fh-ollama-bench-"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := t.TempDir()
			tmp := filepath.Join(cache, "temporary")
			out, args := tmp, append(c.args, "--lib", nativeDir(t))
			if c.args[0] == "convert" {
				out = t.TempDir()
				args = append(args, "-o", filepath.Join(out, "out.gguf"))
			}
			cmd := exec.Command("fh-ollama", args...)
			cmd.Env = append(os.Environ(), "FH_OLLAMA_CACHE="+cache)
			interruptWhile(t, cmd, c.child, func() {
				if names := folder(t, out); len(names) != 1 || !strings.Contains(names[0], c.holds) {
					t.Errorf("while it runs %s should be alone in the folder, but there are %q", c.holds, names)
				}
			})
			for _, dir := range []string{out, tmp} {
				if entries, _ := os.ReadDir(dir); len(entries) != 0 {
					t.Errorf("left behind: %v", entries)
				}
			}
		})
	}
}

// interruptWhile starts a command and interrupts it, after look, while its child of that name runs. The command must
// end with 130 and two lines, and leave no child.
func interruptWhile(t *testing.T, command *exec.Cmd, child string, look func()) {
	cmd, pid := start(t, command), ""
	for begun := time.Now(); !worked(pid); pid = childOf(cmd.Process.Pid, child) {
		if cmd.endsWithin(5 * time.Millisecond) {
			t.Fatalf("it ended before it could be interrupted: %v: %s", cmd.ProcessState, &cmd.said)
		}
		if time.Since(begun) > 5*time.Minute {
			t.Fatal(child + " does not start")
		}
	}
	look()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if !cmd.endsWithin(5 * time.Minute) {
		t.Fatal("it does not end")
	}
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	if want := "fh-ollama: interrupted\n  run the same command again"; !strings.Contains(cmd.said.String(), want) {
		t.Errorf("stderr is %q", &cmd.said)
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
