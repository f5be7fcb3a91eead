package integration

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// A file with damaged keys loads, is logged once, and gives the dense model's answers. test-flash-head-map has every
// kind of damage.
func TestDamagedKeysRunDense(t *testing.T) { onBothHosts(t, damagedKeysRunDense) }

func damagedKeysRunDense(t *testing.T, h host) {
	f, _, p := flashheadtest.Open(t, converted(t))
	beyond := p
	beyond.Assignments = slices.Clone(p.Assignments)
	beyond.Assignments[31999] = 1 << 31
	o := serve(t, h)
	register(t, o, "dense", trainedModel)
	want := generate(t, o, "dense", prompt, 48).Response
	for name, keys := range map[string][]gguf.NewValue{
		"missing": {gguf.U32(flashhead.KeyVersion, flashhead.FormatVersion)},
		"beyond":  beyond.Keys(),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "damaged.gguf")
			rewrite(t, f, file, keys)
			register(t, o, name, file)
			before := o.Log()
			if got := generate(t, o, name, prompt, 48).Response; got != want {
				t.Errorf("it answers %q, dense %q", got, want)
			}
			saysOnce(t, strings.TrimPrefix(o.Log(), before), "running dense")
		})
	}
}
