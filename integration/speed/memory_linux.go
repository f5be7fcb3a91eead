package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// serverMemory is that of the llama-server that the Ollama with this process number started.
func serverMemory(ollama int) (memory, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return memory{}, err
	}
	for _, folder := range folders {
		status, err := readStatus(filepath.Join(folder, "status"))
		if err != nil || status["PPid"] != strconv.Itoa(ollama) || status["Name"] != "llama-server" {
			continue // may have ended
		}
		var m memory
		for field, mib := range map[string]*float64{"VmRSS": &m.resident, "VmHWM": &m.peak, "RssAnon": &m.anonymous, "RssFile": &m.ofFiles} {
			kib, err := strconv.ParseInt(strings.TrimSuffix(status[field], " kB"), 10, 64)
			if err != nil {
				return memory{}, fmt.Errorf("%s of process %s: %w", field, status["Pid"], err)
			}
			*mib = float64(kib) / 1024
		}
		return m, nil
	}
	return memory{}, fmt.Errorf("no llama-server of process %d", ollama)
}

// readStatus reads a file of lines such as "VmRSS: 123 kB".
func readStatus(path string) (map[string]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if name, value, found := strings.Cut(line, ":"); found {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields, nil
}

// machine names the processor and how many there are.
func machine() string {
	info, _ := readStatus("/proc/cpuinfo") // of the last one
	for name, value := range info {
		if strings.TrimSpace(name) == "model name" {
			return fmt.Sprintf("%s, %d threads", value, threads())
		}
	}
	return fmt.Sprintf("%d threads", threads())
}
