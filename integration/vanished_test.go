//go:build unix

package integration

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/modelfile"
)

// If Ollama is killed while a model is registered, the error is clear and nothing is lost: the files stay unchanged,
// and the same command and the model work when Ollama runs again.
func TestCreateServerVanishes(t *testing.T) {
	h := patched(t)
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "own.gguf")
	copyTree(t, converted(t), file)
	want := digest(t, file)
	blobs := func() int {
		entries, _ := os.ReadDir(filepath.Join(dir, "models", "blobs"))
		return len(entries)
	}
	refused := 0
	for round := range 2 {
		o := serveIn(t, h, dir)
		os.RemoveAll(filepath.Join(dir, "models", "blobs"))
		os.RemoveAll(filepath.Join(dir, "models", "manifests"))
		cmd := o.Command(timeout(t), o.Prefix.Bin("fh-ollama"), "create", "vanishing", "--from", file)
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if round == 0 { // at the first bytes of the upload
			for begun := time.Now(); blobs() == 0 && time.Since(begun) < 2*time.Minute; {
				time.Sleep(100 * time.Microsecond)
			}
		} else {
			time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		}
		syscall.Kill(o.PID(), syscall.SIGKILL)
		err := cmd.Wait()
		o.Stop()
		text := said.String()
		if err != nil {
			refused++
			if !strings.Contains(text, "the Ollama at http://"+o.Host+" is gone") &&
				!strings.Contains(text, "no Ollama answers at http://"+o.Host) ||
				!strings.Contains(text, "\n  start it ") {
				t.Errorf("round %d: it said\n%s", round, text)
			}
		}
		if digest(t, file) != want {
			t.Fatalf("round %d: the file changed", round)
		}

		again := serveIn(t, h, dir)
		if exists, showErr := modelfile.Exists(timeout(t), again.Client, "vanishing"); showErr != nil || exists &&
			err != nil {
			t.Errorf("round %d: create ended with %v, and the model exists: %v, %v", round, err, exists, showErr)
		}
		if out, err := create(t, again, "vanishing", "--from", file, "--force"); err != nil {
			t.Fatalf("round %d, again: %v\n%s", round, err, out)
		}
		if answer := generate(t, again, "vanishing", prompt, 4); answer.Response == "" {
			t.Errorf("round %d: the model says nothing", round)
		}
		again.Stop()
	}
	if refused == 0 {
		t.Error("create always was quicker")
	}
}
