package flashhead_test

import (
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

func TestDefaults(t *testing.T) {
	for k, want := range map[uint32]uint32{2: 1, 8: 1, 9: 2, 2000: 250, 2048: 256, 4096: 256, 4097: 257, 8016: 501,
		16384: 1024} {
		if got := flashhead.DefaultProbes(k); got != want {
			t.Errorf("DefaultProbes(%d) = %d, want %d", k, got, want)
		}
	}
	h32, h20 := head(t, read(t, gguftest.Model(40, 32))), head(t, read(t, gguftest.Model(40, 20)))
	for _, c := range []struct {
		name string
		head flashhead.Head
		want string
	}{{"", h32, "q4_0"}, {"", h20, "f16"}, {"Q8_0", h32, "q8_0"}, {"bf16", h20, "bf16"}, {"q4_0", h20, ""}, {"q4_K", h32,
		""}, {"iq1_s", h32, ""}, {"i8", h32, ""}, {"int4", h32, ""}} {
		got, err := flashhead.CentroidType(c.name, c.head)
		if c.want == "" && err == nil || c.want != "" && (err != nil || got.String() != c.want) {
			t.Errorf("CentroidType(%q) for rows of %d = %v, %v; want %q", c.name, c.head.Width(), got, err, c.want)
		}
	}
}
