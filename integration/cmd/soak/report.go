//go:build linux

package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/table"
)

// Report is the result of a soak.
type Report struct {
	Seconds float64    `json:"seconds"`
	Phases  []Phase    `json:"phases"`
	Memory  []Resident `json:"memory"`
	Active  int        `json:"flashhead_loads"` // number of loads with FlashHead active
}

// Phase is the result for one number of clients.
type Phase struct {
	Clients   int            `json:"clients"`
	Seconds   float64        `json:"seconds"`
	Requests  map[string]int `json:"requests"` // by kind
	Tokens    int            `json:"tokens"`   // received
	PerSecond float64        `json:"tokens_per_second"`
	Slowest   float64        `json:"slowest_seconds"` // slowest request
	Errors    []string       `json:"errors"`
	Stalled   int            `json:"stalled"` // requests that Ollama did not forward, see errStalled
	Death     *Death         `json:"killed,omitempty"`
}

// Death describes a killed llama-server.
type Death struct {
	Model   string  `json:"model"`
	Tries   int     `json:"tries"`   // requests until one was answered again
	Seconds float64 `json:"seconds"` // until that answer
	Lost    int     `json:"lost"`    // failed requests of clients that were in progress

	at, recovered time.Time
}

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
// they count as lost, not as errors. death is nil if none was killed.
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
		for _, kind := range []string{"greedy", "sampled", "schema", "log-probabilities", "cancelled", "unload"} {
			if p.Requests[kind] == 0 {
				all = append(all, fmt.Sprintf("%d clients: no request of kind %q", p.Clients, kind))
			}
		}
		if p.Death != nil && p.Death.Tries > 1 {
			all = append(all, fmt.Sprintf("a killed llama-server answered only the request number %d", p.Death.Tries))
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
		phases.Row(fmt.Sprint(p.Clients), fmt.Sprint(requests), fmt.Sprint(p.Requests["cancelled"]),
			fmt.Sprint(p.Requests["unload"]),
			fmt.Sprint(lost), fmt.Sprint(p.Stalled), fmt.Sprint(len(p.Errors)), fmt.Sprintf("%.0f", p.PerSecond),
			fmt.Sprintf("%.1f", p.Slowest), fmt.Sprintf("%.0f", p.Seconds))
	}
	var b strings.Builder
	b.WriteString(phases.Text())
	for _, p := range r.Phases {
		if d := p.Death; d != nil {
			fmt.Fprintf(&b, "\nThe llama-server of %s was killed: %d requests were lost; request %d after that was answered, "+
				"in %.1f s.\n",
				d.Model, d.Lost, d.Tries, d.Seconds)
		}
	}
	if stalled > 0 {
		fmt.Fprintf(&b, "\n%d requests stalled in Ollama (github.com/ollama/ollama/issues/17131); their llama-servers "+
			"answered.\n", stalled)
	}
	fmt.Fprintf(&b, "FlashHead was active in %d loads.\n\n", r.Active)
	memory := table.New("lrrrr", "process", "observed, s", "first, MiB", "last, MiB", "growth")
	short := 0
	for _, m := range r.Memory {
		if !m.judged() {
			short++
			continue
		}
		memory.Row(m.Process, fmt.Sprintf("%.0f", m.Seconds), fmt.Sprintf("%.1f", m.First), fmt.Sprintf("%.1f", m.Last),
			fmt.Sprintf("%+.1f %%", 100*(m.Last/m.First-1)))
	}
	b.WriteString(memory.Text())
	if short > 0 {
		fmt.Fprintf(&b, "%d other processes were too short-lived to judge\n", short)
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
