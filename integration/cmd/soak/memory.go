//go:build linux

package main

import (
	"cmp"
	"path/filepath"
	"slices"
	"sync"
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

	samples []sample // one every samplePause
}

type sample struct {
	mib       float64
	processor time.Duration // CPU time so far
}

// judged reports whether the process lived long enough to be judged.
func (r Resident) judged() bool { return r.First > 0 }

// memoryWatch samples the memory of Ollama and of its llama-servers until it is stopped.
type memoryWatch struct {
	once  sync.Once
	quit  chan struct{}
	done  chan struct{}
	err   error
	lives map[int]*Resident
}

func watchMemory(s *server) *memoryWatch {
	w := &memoryWatch{quit: make(chan struct{}), done: make(chan struct{}), lives: map[int]*Resident{}}
	go func() {
		defer close(w.done)
		for ; w.err == nil; w.err = w.sample(s) {
			select {
			case <-w.quit:
				return
			case <-time.After(samplePause):
			}
		}
	}()
	return w
}

func (w *memoryWatch) sample(s *server) error {
	status, err := harness.Status(s.PID())
	if err != nil {
		return err
	}
	if err := w.add("ollama", s.PID(), status["VmRSS"]); err != nil {
		return err
	}
	runners, err := s.Runners()
	for _, r := range runners {
		if name, known := s.blobs[filepath.Base(r.Model)]; known && err == nil {
			err = w.add(name, r.PID, r.Status["VmRSS"])
		}
	}
	return err
}

func (w *memoryWatch) add(process string, pid int, rss string) error {
	processor, err := harness.Processor(pid)
	if err != nil {
		return nil // the process has just ended
	}
	mib, err := harness.MiB(rss)
	if err != nil {
		return err
	}
	if w.lives[pid] == nil {
		w.lives[pid] = &Resident{Process: process, PID: pid}
	}
	w.lives[pid].samples = append(w.lives[pid].samples, sample{mib, processor})
	return nil
}

// stop ends the watch and returns all observed processes, by name and then by process ID.
func (w *memoryWatch) stop() ([]Resident, error) {
	w.once.Do(func() { close(w.quit) })
	<-w.done
	var all []Resident
	for _, r := range w.lives {
		all = append(all, summary(*r))
	}
	slices.SortFunc(all, func(a, b Resident) int { return cmp.Or(cmp.Compare(a.Process, b.Process), a.PID-b.PID) })
	return all, w.err
}

func summary(r Resident) Resident {
	r.Seconds = float64(len(r.samples)) * samplePause.Seconds()
	var warm []float64
	for _, s := range r.samples {
		if s.processor >= warmUp {
			warm = append(warm, s.mib)
		}
	}
	if len(warm) >= leastSamples {
		third := len(warm) / 3
		r.First, r.Last = statistics.Median(warm[:third]), statistics.Median(warm[len(warm)-third:])
	}
	return r
}
