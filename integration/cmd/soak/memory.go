//go:build linux

package main

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

const (
	samplePause = time.Second / 2
	// warmUp is the CPU time during which a process may still grow, because its buffers and caches fill.
	warmUp = 2 * time.Second
	// leastSamples after the warm-up are needed to judge a process.
	leastSamples = 12
)

// Resident is the resident memory of one process over its life.
type Resident struct {
	Process string  `json:"process"` // "ollama", or the model of a llama-server
	PID     int     `json:"pid"`
	Seconds float64 `json:"seconds"`   // observed
	First   float64 `json:"first_mib"` // median of the first third after the warm-up; 0: too short a life
	Last    float64 `json:"last_mib"`  // median of the last third

	warm []float64 // MiB after the warm-up, one every samplePause
}

// judged reports whether the process lived long enough to be judged.
func (r Resident) judged() bool { return r.First > 0 }

// watchMemory samples the memory of Ollama and of its llama-servers until ctx is done, and returns all observed
// processes, by name and then by process ID.
func (s *server) watchMemory(ctx context.Context) ([]Resident, error) {
	lives := map[int]*Resident{}
	for pause(ctx, samplePause) == nil {
		status, err := harness.Status(s.PID())
		if err != nil {
			return nil, err
		}
		runners, err := s.Runners()
		if err != nil {
			return nil, err
		}
		for _, r := range append(runners, harness.Runner{PID: s.PID(), Status: status}) {
			name := cmp.Or(s.blobs[filepath.Base(r.Model)], "ollama")
			processor, err := harness.Processor(r.PID)
			if err != nil {
				continue // the process has just ended
			}
			mib, err := harness.MiB(r.Status["VmRSS"])
			if err != nil {
				return nil, err
			}
			if lives[r.PID] == nil {
				lives[r.PID] = &Resident{Process: name, PID: r.PID}
			}
			life := lives[r.PID]
			life.Seconds += samplePause.Seconds()
			if processor >= warmUp {
				life.warm = append(life.warm, mib)
			}
		}
	}
	var all []Resident
	for _, r := range lives {
		if n := len(r.warm); n >= leastSamples {
			r.First, r.Last = statistics.Median(r.warm[:n/3]), statistics.Median(r.warm[n-n/3:])
		}
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Resident) int { return cmp.Or(cmp.Compare(a.Process, b.Process), a.PID-b.PID) })
	return all, nil
}
