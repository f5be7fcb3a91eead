package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
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
		after := killWithin(t, took, convert("out.gguf", "--force"))
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

// killWithin starts cmd and kills it after a random time of up to took, which it returns. The native tool that cmd has
// started must end, too.
func killWithin(t *testing.T, took time.Duration, cmd *exec.Cmd) time.Duration {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	after := time.Duration(rand.Int64N(int64(took)))
	time.Sleep(after)
	tool := childOf(cmd.Process.Pid, "llama-flashhead")
	cmd.Process.Kill()
	cmd.Wait()
	for begun := time.Now(); tool != ""; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat("/proc/" + tool); err != nil {
			break
		}
		if time.Since(begun) > 2*time.Minute {
			t.Fatal("the native tool goes on")
		}
	}
	return after
}

// TestKilledOn kills `on --all` with kill -9 at random moments. Each time every map is missing or whole, and the blobs
// are unchanged. The next run makes the missing maps, the same as an undisturbed one, and off --all leaves nothing.
func TestKilledOn(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the native tool")
	}
	const rounds = 8
	f, err := newFakeOllama("0.34.2", filepath.Join(t.TempDir(), "models"))
	if err != nil {
		t.Fatal(err)
	}
	model := read(t, "../../integration/testdata/fh-demo-12m-q8_0.gguf")
	for i := range 3 { // models that differ in a byte of their last tensor
		file := filepath.Join(t.TempDir(), "model.gguf")
		other := bytes.Clone(model)
		other[len(other)-64] ^= byte(i)
		if err := os.WriteFile(file, other, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := f.add(fmt.Sprintf("model%d:latest", i), []string{file}, ""); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(f)
	defer server.Close()
	cache, dir := t.TempDir(), filepath.Join(f.store, "flashhead")
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command("fh-ollama", args...)
		cmd.Env = append(os.Environ(), "FH_OLLAMA_CACHE="+cache, "OLLAMA_HOST="+server.URL, "FLASHHEAD_MAPS=")
		return cmd
	}
	on := func() *exec.Cmd {
		return command("on", "--all", "--yes", "--lib", nativeDir(t), "--no-calibrate", "--iterations", "4")
	}
	done := func(cmd *exec.Cmd) {
		t.Helper()
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	blobs := filesBelow(t, filepath.Join(f.store, "blobs"))
	begun := time.Now()
	done(on())
	took, whole := time.Since(begun), filesBelow(t, dir)
	if len(whole) != 3 {
		t.Fatalf("%d maps of 3 models", len(whole))
	}

	for range rounds {
		done(command("off", "--all"))
		after := killWithin(t, took, on())
		for name, text := range filesBelow(t, dir) {
			if !strings.HasPrefix(name, ".sha256-") && text != whole[name] {
				t.Fatalf("killed after %s: the map %s is not whole", after, name)
			}
		}
		if !maps.Equal(filesBelow(t, filepath.Join(f.store, "blobs")), blobs) {
			t.Fatalf("killed after %s: blobs changed", after)
		}
	}
	done(on())
	if !maps.Equal(filesBelow(t, dir), whole) {
		t.Error("after the killed ones on makes other maps, or leaves something")
	}
	done(command("off", "--all"))
	if left := folder(t, dir); len(left) > 0 {
		t.Errorf("off leaves %q", left)
	}
}
