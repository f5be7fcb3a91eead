//go:build unix

package integration

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// `fh-ollama create` killed with kill -9 at random moments leaves either no model or a complete one, and an unchanged
// source. The next one succeeds and removes the temporary files of the others.
func TestCreateKilled(t *testing.T) {
	testlevel.Long(t)
	o := serve(t, patched(t))
	want := digest(t, trainedModel)
	begun := time.Now()
	if out, err := create(t, o, "whole", "--from", trainedModel, "--iterations", "2", "--plain"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	took := time.Since(begun)
	answer := generate(t, o, "whole", prompt, 16).Response

	finished := 0
	for range 6 {
		cmd := o.Command(timeout(t), o.Prefix.Bin("fh-ollama"), "create", "killed", "--from", trainedModel, "--iterations",
			"2", "--force", "--plain")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Duration(rand.Int64N(int64(took)))
		time.Sleep(after)
		cmd.Process.Kill()
		cmd.Wait()
		if digest(t, trainedModel) != want {
			t.Fatalf("killed after %s: the source changed", after)
		}
		exists, err := modelfile.Exists(timeout(t), o.Client, "killed")
		if err != nil {
			t.Fatal(err)
		}
		if exists {
			finished++
			if got := generate(t, o, "killed", prompt, 16).Response; got != answer || !hasMap(t, o, "killed") {
				t.Errorf("killed after %s: the model answers %q, not %q", after, got, answer)
			}
		}
	}
	t.Logf("create takes %s; after %d of 6 killed ones there was a model", took, finished)
	if out, err := create(t, o, "killed", "--from", trainedModel, "--iterations", "2", "--force", "--plain"); err != nil {
		t.Fatalf("the next one: %v\n%s", err, out)
	}
	if got := generate(t, o, "killed", prompt, 16).Response; got != answer {
		t.Errorf("at last the model answers %q, not %q", got, answer)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(o.LogFile()), "home", ".cache", "fh-ollama", "temporary",
		"*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
