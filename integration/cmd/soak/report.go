//go:build linux

package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Report is what a soak found.
type Report struct {
	Seconds float64    `json:"seconds"`
	Phases  []Phase    `json:"phases"`
	Memory  []Resident `json:"memory"`
	Active  int        `json:"flashhead_loads"` // how often a model was loaded with FlashHead
}

// Phase is what came of some clients that asked at once.
type Phase struct {
	Clients   int            `json:"clients"`
	Seconds   float64        `json:"seconds"`
	Requests  map[string]int `json:"requests"` // by kind
	Tokens    int            `json:"tokens"`   // that came
	PerSecond float64        `json:"tokens_per_second"`
	Slowest   float64        `json:"slowest_seconds"` // request
	Errors    []string       `json:"errors"`
	Stalled   int            `json:"stalled"` // requests that Ollama did not pass on, see errStalled
	Death     *Death         `json:"killed,omitempty"`
}

// Death is the end of a llama-server that was killed.
type Death struct {
	Model   string  `json:"model"`
	Tries   int     `json:"tries"`   // until a request was answered again
	Seconds float64 `json:"seconds"` // until then
	Lost    int     `json:"lost"`    // requests of clients that were under way

	at, recovered time.Time
}

// outcome is what came of one request.
type outcome struct {
	model, kind  string
	tokens       int
	began, ended time.Time
	err          error
}

// tally collects outcomes of several clients.
type tally struct {
	lock     sync.Mutex
	outcomes []outcome
}

func (t *tally) add(o outcome) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.outcomes = append(t.outcomes, o)
}

// phase sums up. What fails of a model whose llama-server is killed, from then on until it answers again, is lost and no
// error; death is nil if none was killed.
func (t *tally) phase(clients int, length time.Duration, death *Death) Phase {
	p := Phase{Clients: clients, Seconds: length.Seconds(), Requests: map[string]int{}, Errors: []string{}, Death: death}
	for _, o := range t.outcomes {
		p.Requests[o.kind]++
		p.Tokens += o.tokens
		p.Slowest = max(p.Slowest, o.ended.Sub(o.began).Seconds())
		switch {
		case o.err == nil:
		case death != nil && o.model == death.Model && o.ended.After(death.at) && o.began.Before(death.recovered):
			death.Lost++
		case errors.Is(o.err, errStalled):
			p.Stalled++
		default:
			p.Errors = append(p.Errors, fmt.Sprintf("%s of %s: %v", o.kind, o.model, o.err))
		}
	}
	p.PerSecond = float64(p.Tokens) / p.Seconds
	return p
}

// Growth that is none: of what a process has, and what allocators and the kernel may take more or less.
const (
	growthShare = 0.05
	growthMiB   = 8
)

// Problems are what must not be, in words.
func (r *Report) Problems() []string {
	var all []string
	for _, p := range r.Phases {
		for _, e := range p.Errors {
			all = append(all, fmt.Sprintf("%d clients: %s", p.Clients, e))
		}
		for _, kind := range []string{"greedy", "sampled", "schema", "log-probabilities", "cancelled", "unload"} {
			if p.Requests[kind] == 0 {
				all = append(all, fmt.Sprintf("%d clients: nothing of the kind %q was asked", p.Clients, kind))
			}
		}
		if p.Death != nil && p.Death.Tries > 1 {
			all = append(all, fmt.Sprintf("a killed llama-server was asked %d times until it answered again", p.Death.Tries))
		}
	}
	judged := map[string]bool{}
	for _, m := range r.Memory {
		judged[m.Process] = judged[m.Process] || m.judged()
		if m.judged() && m.Last > m.First*(1+growthShare)+growthMiB {
			all = append(all, fmt.Sprintf("%s (process %d) grew from %.1f to %.1f MiB", m.Process, m.PID, m.First, m.Last))
		}
	}
	for _, process := range []string{"ollama", killed} {
		if !judged[process] {
			all = append(all, "the memory of "+process+" was not seen long enough")
		}
	}
	if r.Active == 0 {
		all = append(all, "FlashHead was never active")
	}
	return all
}

// Table is the report as text.
func (r *Report) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %9s %10s %8s %6s %8s %7s %9s %8s %5s\n",
		"clients", "requests", "cancelled", "unloads", "lost", "stalled", "errors", "tokens/s", "slowest", "for")
	stalled := 0
	for _, p := range r.Phases {
		stalled += p.Stalled
		requests, lost := 0, 0
		for _, n := range p.Requests {
			requests += n
		}
		if p.Death != nil {
			lost = p.Death.Lost
		}
		fmt.Fprintf(&b, "%-8d %9d %10d %8d %6d %8d %7d %9.0f %6.1f s %3.0f s\n", p.Clients, requests, p.Requests["cancelled"],
			p.Requests["unload"], lost, p.Stalled, len(p.Errors), p.PerSecond, p.Slowest, p.Seconds)
	}
	for _, p := range r.Phases {
		if d := p.Death; d != nil {
			fmt.Fprintf(&b, "\nA llama-server of %s was killed: %d requests were lost, number %d after that was answered, in %.1f s.\n",
				d.Model, d.Lost, d.Tries, d.Seconds)
		}
	}
	if stalled > 0 {
		fmt.Fprintf(&b, "\n%d requests stalled in Ollama itself (github.com/ollama/ollama/issues/17131); their llama-servers answered.\n", stalled)
	}
	fmt.Fprintf(&b, "FlashHead was active in %d loads.\n\n%-12s %8s %12s %12s %9s\n", r.Active, "resident", "seen for", "first, MiB", "last, MiB", "growth")
	short := 0
	for _, m := range r.Memory {
		if !m.judged() {
			short++
			continue
		}
		fmt.Fprintf(&b, "%-12s %6.0f s %12.1f %12.1f %+8.1f%%\n", m.Process, m.Seconds, m.First, m.Last, 100*(m.Last/m.First-1))
	}
	if short > 0 {
		fmt.Fprintf(&b, "%d more processes did too little to tell\n", short)
	}
	b.WriteString("\n")
	for _, problem := range r.Problems() {
		fmt.Fprintf(&b, "problem: %s\n", problem)
	}
	if len(r.Problems()) == 0 {
		b.WriteString("No errors, no growth.\n")
	}
	return b.String()
}
