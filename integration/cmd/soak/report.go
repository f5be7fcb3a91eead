//go:build linux

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/table"
)

// Report is the result of a soak.
type Report struct {
	Phases []Phase    `json:"phases"`
	Memory []Resident `json:"memory"`
	Active int        `json:"flashhead_loads"` // number of loads with FlashHead active
}

// Phase is the result for one number of clients.
type Phase struct {
	Clients  int            `json:"clients"`
	Seconds  float64        `json:"seconds"`
	Requests map[string]int `json:"requests"` // by kind
	Tokens   int            `json:"tokens"`   // received
	Slowest  float64        `json:"slowest_seconds"`
	Errors   []string       `json:"errors"`
	Stalled  int            `json:"stalled"` // requests that Ollama did not forward, see errStalled
	Lost     int            `json:"lost"`    // failed requests to a killed llama-server
	Recovery float64        `json:"recovery_seconds,omitempty"`
}

// death is the time from a kill of a llama-server to the next answer of its model.
type death struct{ at, recovered time.Time }

// outcome is the result of one request.
type outcome struct {
	model, kind  string
	tokens       int
	began, ended time.Time
	err          error
}

// tally collects the outcomes of concurrent clients.
type tally struct {
	lock     sync.Mutex
	outcomes []outcome
}

func (t *tally) add(o outcome) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.outcomes = append(t.outcomes, o)
}

// phase summarises the outcomes. Requests to a model whose llama-server was killed may fail until it answers again:
// they count as lost, not as errors. d is zero if none was killed.
func (t *tally) phase(clients int, length time.Duration, d death) Phase {
	p := Phase{Clients: clients, Seconds: length.Seconds(), Requests: map[string]int{},
		Recovery: d.recovered.Sub(d.at).Seconds()}
	for _, o := range t.outcomes {
		p.Requests[o.kind]++
		p.Tokens += o.tokens
		p.Slowest = max(p.Slowest, o.ended.Sub(o.began).Seconds())
		switch {
		case o.err == nil:
		case o.model == killed && o.ended.After(d.at) && o.began.Before(d.recovered):
			p.Lost++
		case errors.Is(o.err, errStalled):
			p.Stalled++
		default:
			p.Errors = append(p.Errors, fmt.Sprintf("%s of %s: %v", o.kind, o.model, o.err))
		}
	}
	return p
}

// Growth up to this share of the memory plus this many MiB is noise of allocators and the kernel, or what a young
// process on a busy machine takes for its first long answers (12 MiB were seen).
const (
	growthShare = 0.05
	growthMiB   = 16
)

// Problems describes what must not happen.
func (r *Report) Problems() []string {
	var all []string
	for _, p := range r.Phases {
		for _, e := range p.Errors {
			all = append(all, fmt.Sprintf("%d clients: %s", p.Clients, e))
		}
		for _, kind := range kinds {
			if p.Requests[kind.name] == 0 {
				all = append(all, fmt.Sprintf("%d clients: no request of kind %q", p.Clients, kind.name))
			}
		}
		if p.Requests[unloading] == 0 {
			all = append(all, fmt.Sprintf("%d clients: no model was unloaded", p.Clients))
		}
	}
	for _, m := range r.Memory {
		if m.Last > m.First*(1+growthShare)+growthMiB {
			all = append(all, fmt.Sprintf("%s (process %d) grew from %.1f to %.1f MiB", m.Process, m.PID, m.First, m.Last))
		}
	}
	for _, process := range []string{"ollama", killed} {
		if !slices.ContainsFunc(r.Memory, func(m Resident) bool { return m.Process == process && m.judged() }) {
			all = append(all, "the memory of "+process+" was not observed long enough")
		}
	}
	if r.Active == 0 {
		all = append(all, "FlashHead was never active")
	}
	return all
}

// Table returns the report as text.
func (r *Report) Table() string {
	phases := table.New("rrrrrrrrrr",
		"clients", "requests", "cancelled", "unloads", "lost", "stalled", "errors", "tokens/s", "slowest, s", "duration, s")
	var notes strings.Builder
	for _, p := range r.Phases {
		requests := 0
		for _, n := range p.Requests {
			requests += n
		}
		phases.Row(fmt.Sprint(p.Clients), fmt.Sprint(requests), fmt.Sprint(p.Requests[cancelled]),
			fmt.Sprint(p.Requests[unloading]), fmt.Sprint(p.Lost), fmt.Sprint(p.Stalled), fmt.Sprint(len(p.Errors)),
			fmt.Sprintf("%.0f", float64(p.Tokens)/p.Seconds), fmt.Sprintf("%.1f", p.Slowest), fmt.Sprintf("%.0f", p.Seconds))
		if p.Recovery > 0 {
			fmt.Fprintf(&notes, "The llama-server of %s was killed: the next request was answered in %.1f s.\n", killed,
				p.Recovery)
		}
		if p.Stalled > 0 {
			fmt.Fprintf(&notes, "%d clients: %d requests stalled in Ollama (github.com/ollama/ollama/issues/17131); their "+
				"llama-servers answered.\n", p.Clients, p.Stalled)
		}
	}
	memory := table.New("lrrrr", "process", "observed, s", "first, MiB", "last, MiB", "growth")
	for _, m := range r.Memory {
		if m.judged() {
			memory.Row(m.Process, fmt.Sprintf("%.0f", m.Seconds), fmt.Sprintf("%.1f", m.First), fmt.Sprintf("%.1f", m.Last),
				fmt.Sprintf("%+.1f %%", 100*(m.Last/m.First-1)))
		}
	}
	end := "No errors, no growth.\n"
	if problems := r.Problems(); len(problems) > 0 {
		end = "problem: " + strings.Join(problems, "\nproblem: ") + "\n"
	}
	return fmt.Sprintf("%s\n%sFlashHead was active in %d loads.\n\n%s\n%s", phases.Text(), &notes, r.Active, memory.Text(),
		end)
}
