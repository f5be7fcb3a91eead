package main

import (
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

// serverMemory returns the memory of the llama-server started by the Ollama with this process ID.
func serverMemory(ollama int) (memory, error) {
	runners, err := harness.Runners(ollama)
	if err != nil {
		return memory{}, err
	}
	if len(runners) == 0 {
		return memory{}, fmt.Errorf("no llama-server of process %d", ollama)
	}
	var m memory
	for field, mib := range map[string]*float64{"VmRSS": &m.resident, "VmHWM": &m.peak, "RssAnon": &m.anonymous,
		"RssFile": &m.ofFiles} {
		if *mib, err = harness.MiB(runners[0].Status[field]); err != nil {
			return memory{}, fmt.Errorf("%s of process %d: %w", field, runners[0].PID, err)
		}
	}
	return m, nil
}

// machine returns the name and number of processors.
func machine() string {
	info, _ := harness.ReadFields("/proc/cpuinfo") // of the last one
	for name, value := range info {
		if strings.TrimSpace(name) == "model name" {
			return fmt.Sprintf("%s, %d threads", value, threads())
		}
	}
	return fmt.Sprintf("%d threads", threads())
}
