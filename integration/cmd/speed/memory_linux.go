package main

import (
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/processors"
)

// addMemory adds the memory, in MiB, of the llama-server started by the Ollama with this process ID.
func addMemory(values map[metric]float64, ollama int) error {
	runners, err := harness.Runners(ollama)
	if err != nil {
		return err
	}
	if len(runners) == 0 {
		return fmt.Errorf("no llama-server of process %d", ollama)
	}
	for m, field := range map[metric]string{resident: "VmRSS", peak: "VmHWM", anonymous: "RssAnon", ofFiles: "RssFile"} {
		if values[m], err = harness.MiB(runners[0].Status[field]); err != nil {
			return fmt.Errorf("%s of process %d: %w", field, runners[0].PID, err)
		}
	}
	return nil
}

// machine returns the name and number of processors.
func machine() string {
	threads := fmt.Sprintf("%d threads", processors.Usable())
	info, _ := harness.ReadFields("/proc/cpuinfo") // of the last one
	for name, value := range info {
		if strings.TrimSpace(name) == "model name" {
			return value + ", " + threads
		}
	}
	return threads
}
