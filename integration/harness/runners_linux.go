package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Runner is a llama-server that Ollama has started.
type Runner struct {
	PID    int
	Port   string            // loopback port that it listens on
	Model  string            // path of its GGUF file
	Status map[string]string // see Status
}

// Runners returns the running llama-servers of this Ollama.
func (o *Ollama) Runners() ([]Runner, error) { return Runners(o.PID()) }

// Runners returns the running llama-servers that the process ollama has started.
func Runners(ollama int) ([]Runner, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var all []Runner
	for _, folder := range folders {
		pid, _ := strconv.Atoi(filepath.Base(folder))
		status, err := Status(pid)
		if err != nil || status["PPid"] != strconv.Itoa(ollama) || status["Name"] != "llama-server" || status["VmRSS"] == "" {
			continue // another program, or one that has ended
		}
		arguments, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err != nil {
			continue
		}
		r := Runner{PID: pid, Status: status}
		words := strings.Split(string(arguments), "\x00")
		for i, word := range words {
			if i+1 == len(words) {
				break
			}
			switch word {
			case "--model":
				r.Model = words[i+1]
			case "--port":
				r.Port = words[i+1]
			}
		}
		all = append(all, r)
	}
	return all, nil
}

// Status returns the fields of /proc/PID/status (proc(5)), e.g. "VmRSS": "123 kB".
func Status(pid int) (map[string]string, error) {
	return ReadFields(fmt.Sprintf("/proc/%d/status", pid))
}

// Processor returns the CPU time that a process has used so far.
func Processor(pid int) (time.Duration, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(content), ") ") // skip the name, which may contain anything
	fields := strings.Fields(rest)
	const user, system = 14 - 3, 15 - 3 // numbers of proc(5), less those that are cut off
	if len(fields) <= system {
		return 0, fmt.Errorf("stat of process %d: %q", pid, content)
	}
	ticks := 0
	for _, field := range []string{fields[user], fields[system]} {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100, nil
}

// MiB parses a field such as "1024 kB".
func MiB(field string) (float64, error) {
	kib, err := strconv.ParseInt(strings.TrimSuffix(field, " kB"), 10, 64)
	return float64(kib) / 1024, err
}

// ReadFields parses a file of lines such as "VmRSS: 123 kB".
func ReadFields(path string) (map[string]string, error) {
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
