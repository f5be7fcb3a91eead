package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

// The runtime uses the settings of the environment, and its line at load shows them.
func TestSettings(t *testing.T) { onHosts(t, settings) }

func settings(t *testing.T, h host) {
	model := converted(t)
	standard := greedyTokens(t, h, model)

	// The plug-in's rows are always in cluster order, so there the setting changes nothing.
	t.Run("without the copy", func(t *testing.T) {
		l := startLlama(t, h, []string{"--model", model}, "FLASHHEAD_REORDER=0")
		if line := activeLine(l.Log()); line == "" || strings.Contains(line, "copy") {
			t.Errorf("the log says %q", line)
		}
		l.Stop()
		if got := greedyTokens(t, h, model, "FLASHHEAD_REORDER=0"); !slices.Equal(got, standard) {
			t.Errorf("other tokens without the cluster-ordered copy\n got %v\nwant %v", got, standard)
		}
	})
	t.Run("without a limit of rows", func(t *testing.T) {
		l := startLlama(t, h, []string{"--model", model}, "FLASHHEAD_MAX_ROWS=0")
		if line := activeLine(l.Log()); line == "" || strings.Contains(line, "dense above") {
			t.Errorf("the log says %q", line)
		}
	})
	for says, env := range map[string][]string{
		"1 probed":           {"FLASHHEAD_PROBES=1"},
		"(sampled)":          {"FLASHHEAD_MODE=sample", "FLASHHEAD_TEMPERATURE=0.7", "FLASHHEAD_SEED=3"},
		"q8_0 centroids":     {"FLASHHEAD_CENTROID_TYPE=q8_0"},
		"dense above 2 rows": {"FLASHHEAD_MAX_ROWS=2"},
	} {
		t.Run(strings.Join(env, " "), func(t *testing.T) {
			l := startLlama(t, h, []string{"--model", model}, env...)
			if !strings.Contains(l.Log(), says) {
				t.Errorf("the log does not say %q:\n%s", says, end(l.Log()))
			}
			if tokens, err := l.Greedy(timeout(t), []int{0, 500, 1000}, 16); err != nil || len(tokens) == 0 {
				t.Errorf("tokens %v, error %v", tokens, err)
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
	model := converted(t)
	for _, setting := range []string{"FLASHHEAD_PROBES=2001", "FLASHHEAD_PROBES=many", "FLASHHEAD_MODE=best",
		"FLASHHEAD_CENTROID_TYPE=q9", "FLASHHEAD_ENABLED=2", "FLASHHEAD_SCOPE=drafts"} {
		t.Run(setting, func(t *testing.T) {
			l, err := harness.StartLlama(timeout(t), h.Prefix, t.TempDir(), []string{"--model", model},
				h.environment([]string{setting})...)
			if err == nil {
				l.Stop()
				t.Fatal("the model was loaded")
			}
			if !strings.Contains(err.Error(), "flash_head: "+setting) {
				t.Errorf("the error does not name the setting: %v", err)
			}
		})
	}
}
