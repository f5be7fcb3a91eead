package llama

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// checkHead returns an error unless FlashHead ran as settings ask. said is its lines in the log.
func checkHead(said, settings []string) error {
	probes, wanted := "", !slices.Contains(settings, "FLASHHEAD_ENABLED=0")
	for _, s := range settings {
		if n, ok := strings.CutPrefix(s, "FLASHHEAD_PROBES="); ok {
			probes = n
		}
	}
	active, reason := "", "the runtime does not know it"
	for _, line := range said {
		if strings.HasPrefix(line, "active on ") {
			active = line
		} else {
			reason = strings.TrimSuffix(line, "; running dense")
		}
	}
	switch {
	case !wanted && active != "":
		return hint.New("the runtime uses FlashHead although FLASHHEAD_ENABLED is 0", "build a new one: fh-ollama build")
	case wanted && active == "":
		return hint.New("FlashHead is not active: "+reason,
			"use a runtime that has it: --lib DIR of fh-ollama build, or the plug-in in GGML_BACKEND_PATH")
	case wanted && probes != "" && !strings.Contains(active, fmt.Sprintf(" %s probed", probes)):
		return hint.New(fmt.Sprintf("FlashHead does not use %s probes: it is %s", probes, active),
			"build a new runtime: fh-ollama build")
	}
	return nil
}
