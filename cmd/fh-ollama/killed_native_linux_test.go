package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestKilled kills conversions with kill -9 at random moments. Each time the source is unchanged, the output is either
// missing or complete, and the native tool ends too. The next conversion succeeds, makes the same bytes as an
// undisturbed one, and removes the leftovers of the killed ones.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the native tool")
	}
	const rounds = 12
	const model = "../../integration/testdata/fh-demo-12m-q8_0.gguf"
	source := read(t, model)
	out, cache := t.TempDir(), t.TempDir()
	tmp := filepath.Join(cache, "temporary")
	convert := func(name string, flags ...string) *exec.Cmd {
		args := []string{"convert", model, "-o", filepath.Join(out, name), "--lib", nativeDir(t), "--no-calibrate",
			"--iterations", "6"}
		cmd := exec.Command("fh-ollama", append(args, flags...)...)
		cmd.Env = append(os.Environ(), "FH_OLLAMA_CACHE="+cache)
		return cmd
	}
	begun := time.Now()
	if text, err := convert("plain.gguf").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	took := time.Since(begun)
	plain := read(t, filepath.Join(out, "plain.gguf"))

	finished := 0
	for range rounds {
		after := time.Duration(rand.Int64N(int64(took)))
		cmd := convert("out.gguf", "--force")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		tool := childOf(cmd.Process.Pid, "llama-flashhead")
		cmd.Process.Kill()
		cmd.Wait()
		if tool != "" {
			waitForEnd(t, tool)
		}
		if !bytes.Equal(source, read(t, model)) {
			t.Fatalf("killed after %s: the source changed", after)
		}
		if data, err := os.ReadFile(filepath.Join(out, "out.gguf")); err == nil {
			finished++
			if !bytes.Equal(data, plain) {
				t.Fatalf("killed after %s: the output has %d bytes of another content, a whole one has %d", after, len(data),
					len(plain))
			}
			os.Remove(filepath.Join(out, "out.gguf"))
		}
		if left := slices.DeleteFunc(folder(t, out),
			func(name string) bool { return strings.HasPrefix(name, ".out.gguf.partial-") }); len(left) > 2 {
			t.Fatalf("killed after %s: in the folder are %q", after, left)
		}
	}
	t.Logf("a conversion takes %s; of %d killed ones %d had finished", took, rounds, finished)

	if text, err := convert("out.gguf", "--force").CombinedOutput(); err != nil {
		t.Fatalf("the next conversion: %v: %s", err, text)
	}
	if !bytes.Equal(plain, read(t, filepath.Join(out, "out.gguf"))) {
		t.Error("after the killed ones a conversion makes another file")
	}
	if got := fmt.Sprint(folder(t, out), folder(t, tmp)); got != "[out.gguf plain.gguf] []" {
		t.Errorf("left are %s", got)
	}
}

// waitForEnd waits until a process is gone.
func waitForEnd(t *testing.T, pid string) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < 2*time.Minute; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat("/proc/" + pid); err != nil {
			return
		}
	}
	t.Error("the native tool goes on")
}
