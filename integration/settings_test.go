package integration

import (
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

// The runtime uses the settings of the environment, and its line at load shows them. test-flash-head-map has every
// setting.
func TestSettings(t *testing.T) { onHosts(t, settings) }

func settings(t *testing.T, h host) {
	texts := prompts(t, 2)
	standard, log := continuations(t, h, converted(t), nil, texts)
	if !strings.Contains(activeLine(log), "dense above ") {
		t.Errorf("the log says %q", activeLine(log))
	}
	for _, c := range []struct {
		env       string // separated by spaces
		says, not string
		same      bool // the standard tokens
	}{
		{"FLASHHEAD_REORDER=0", "", "copy", true},
		{"FLASHHEAD_MAX_ROWS=0", "", "dense above", true},
		{"FLASHHEAD_MAX_ROWS=2", "dense above 2 rows", "", true},
		{"FLASHHEAD_PROBES=1", "1 probed", "", false},
		{"FLASHHEAD_MODE=sample FLASHHEAD_TEMPERATURE=0.7 FLASHHEAD_SEED=3", "(sampled)", "", false},
		{"FLASHHEAD_CENTROID_TYPE=q8_0", "q8_0 centroids", "", false},
	} {
		t.Run(c.env, func(t *testing.T) {
			got, log := continuations(t, h, converted(t), nil, texts, strings.Fields(c.env)...)
			line := activeLine(log)
			if line == "" || !strings.Contains(line, c.says) || c.not != "" && strings.Contains(line, c.not) {
				t.Errorf("the log says %q", line)
			}
			if c.same {
				sameTokens(t, c.env, got, standard)
			}
		})
	}
}

// activeLine returns the first line of a log that says that FlashHead is active; "" if there is none.
func activeLine(log string) string {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "flash_head: active") {
			return line
		}
	}
	return ""
}

// A model does not load with a bad value, and the log names the value.
func TestBadSettings(t *testing.T) { onBothHosts(t, badSettings) }

func badSettings(t *testing.T, h host) {
	for _, setting := range []string{"FLASHHEAD_PROBES=2001", "FLASHHEAD_MODE=best"} { // beyond the file's, and no value
		l, err := harness.StartLlama(timeout(t), h.Prefix, t.TempDir(), []string{"--model", converted(t)},
			h.environment([]string{setting})...)
		if err == nil {
			l.Stop()
			t.Errorf("%s: the model was loaded", setting)
		} else if !strings.Contains(err.Error(), "flash_head: "+setting) {
			t.Errorf("the error does not name %s: %v", setting, err)
		}
	}
}
