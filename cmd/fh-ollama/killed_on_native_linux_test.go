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
	"strings"
	"testing"
	"time"
)

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
	blobs := contents(t, filepath.Join(f.store, "blobs"))
	begun := time.Now()
	done(on())
	took, whole := time.Since(begun), contents(t, dir)
	if len(whole) != 3 {
		t.Fatalf("%d maps of 3 models", len(whole))
	}

	for range rounds {
		done(command("off", "--all"))
		after := time.Duration(rand.Int64N(int64(took)))
		cmd := on()
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
		for name, data := range contents(t, dir) {
			if !strings.HasPrefix(name, ".sha256-") && data != whole[name] {
				t.Fatalf("killed after %s: the map %s is not whole", after, name)
			}
		}
		if !maps.Equal(contents(t, filepath.Join(f.store, "blobs")), blobs) {
			t.Fatalf("killed after %s: blobs changed", after)
		}
	}
	done(on())
	if !maps.Equal(contents(t, dir), whole) {
		t.Error("after the killed ones on makes other maps, or leaves something")
	}
	done(command("off", "--all"))
	if left := folder(t, dir); len(left) > 0 {
		t.Errorf("off leaves %q", left)
	}
}

// contents returns the files of a folder by their names; none if it does not exist.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	files := map[string]string{}
	for _, name := range folder(t, dir) {
		files[name] = string(read(t, filepath.Join(dir, name)))
	}
	return files
}
