//go:build unix

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/modelfile"
)

// Ctrl-C in the middle of `fh-ollama create` leaves neither a model nor a file behind.
func TestCreateInterrupted(t *testing.T) {
	o := serve(t, patched(t))
	left := func() []string {
		names, _ := filepath.Glob(filepath.Join(o.Dir(), "home", ".cache", "fh-ollama", "temporary", "*"))
		return names
	}
	cmd := o.Command(timeout(t), o.Prefix.Bin("fh-ollama"), "create", "never", "--from", trainedModel, "--iterations",
		"1000", "--plain")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	await(t, "the conversion begins", func() bool { return len(left()) > 0 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 130 ||
		!strings.Contains(said.String(), "interrupted") {
		t.Errorf("it ended with %v and said %q", err, said.String())
	}
	if exists, err := modelfile.Exists(timeout(t), o.Client, "never"); err != nil || exists {
		t.Errorf("the model exists: %v, %v", exists, err)
	}
	if names := left(); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}
