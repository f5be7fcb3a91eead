package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/integration/real"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// TestRealModels converts and evaluates real models as a user would. Bounds are two to three times the measured values
// (docs/accuracy.md), because there are few positions.
func TestRealModels(t *testing.T) {
	testlevel.Real(t)
	for _, c := range []struct {
		model   string
		kld     float64 // nats, on every kind of text except scripts
		scripts float64
	}{{"smollm2-135m", 0.02, 0.02}, {"gemma3-270m", 0.03, 0.3}, {"qwen2.5-coder-0.5b", 0.06, 0.15}} {
		t.Run(c.model, func(t *testing.T) {
			r := evaluateFile(t, patched(t), convertReal(t, c.model), "--predict", "0")
			p := r.Points[0]
			for _, kind := range p.Kinds {
				bound := c.kld
				if kind.Name == "scripts" {
					bound = c.scripts
				}
				t.Logf("%-10s same top %d of %d, KLD %.4f, same draw %.4f", kind.Name, kind.SameTop.Count, kind.SameTop.Total,
					kind.KLD, kind.SameDraw)
				if kind.KLD > bound || kind.SameDraw < 0.985 {
					t.Errorf("%s is too far from the dense head", kind.Name)
				}
			}
			if wrong := p.SameTop.Total - p.SameTop.Count; p.SameTop.Total < 2000 || wrong > 4 {
				t.Errorf("%d of %d top tokens are wrong", wrong, p.SameTop.Total)
			}
			share := float64(p.HeadBytes) / float64(r.Model.HeadBytes)
			if t.Logf("%.1f %% of the head's bytes are read", 100*share); share > 0.17 { // 16 % on the text of the calibration
				t.Errorf("%.1f %% of the head's bytes are read", 100*share)
			}
		})
	}
}

// convertReal converts a real model once for all tests.
func convertReal(t *testing.T, model string) string {
	t.Helper()
	h, file := patched(t), filepath.Join(scratch, model+"-real.gguf")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	original := real.Need(t, model) // a download has no part in the timeout
	cmd := exec.CommandContext(timeout(t), h.Bin("fh-ollama"), "convert", original, "-o", file, "--lib",
		filepath.Dir(h.Lib("x")))
	cmd.Env = append(harness.Environment(scratch), "FH_OLLAMA_CACHE="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}
