//go:build unix

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/modelfile"
)

// Ctrl-C in the middle of `fh-ollama create` leaves neither a model nor a file behind.
func TestCreateInterrupted(t *testing.T) { onBothHosts(t, createInterrupted) }

func createInterrupted(t *testing.T, h host) {
	o := serve(t, h)
	temporary := filepath.Join(filepath.Dir(o.LogFile()), "tmp")
	cmd := o.Command(timeout(t), o.Prefix.Bin("fh-ollama"), "create", "never", "--from", trainedModel, "--iterations", "1000")
	var printed strings.Builder
	cmd.Stderr = &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if left, _ := filepath.Glob(filepath.Join(temporary, "fh-ollama-*")); len(left) > 0 {
			break
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			cmd.Wait()
			t.Fatalf("the conversion did not begin:\n%s", printed.String())
		}
	}
	time.Sleep(300 * time.Millisecond) // into the clustering
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(printed.String(), "interrupted") {
		t.Errorf("it ended with %v and said %q", err, printed.String())
	}
	if exists, err := modelfile.Exists(timeout(t), o.Client, "never"); err != nil || exists {
		t.Errorf("the model exists: %v, %v", exists, err)
	}
	for _, pattern := range []string{"fh-ollama-*", "flashhead-*"} {
		if left, _ := filepath.Glob(filepath.Join(temporary, pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
