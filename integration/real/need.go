package real

import (
	"errors"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// Need returns the path of the model or text called name and fetches it if needed. It skips t if it is not in the cache
// and the package index cannot be reached.
func Need(t *testing.T, name string) string {
	t.Helper()
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.Pins.Files() {
		if f.Name != name {
			continue
		}
		var path string
		err := step.New(t.Output()).Do(f.Name, func(st *step.Step) (err error) {
			path, err = c.Fetch(t.Context(), st, f)
			return err
		})
		if errors.Is(err, ErrUnavailable) {
			t.Skipf("NOT CHECKED on a real model: %v", err)
		}
		if err != nil {
			t.Fatal(hint.Text("real", err))
		}
		return path
	}
	t.Fatalf("third_party/real.toml has no %s", name)
	return ""
}
