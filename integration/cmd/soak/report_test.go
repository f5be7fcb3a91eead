//go:build linux

package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// at is a moment so many seconds after a beginning.
func at(seconds int) time.Time { return time.Unix(1_000_000+int64(seconds), 0) }

// asked is one request of each kind, all answered, and more outcomes.
func asked(more ...outcome) Phase {
	var t tally
	for _, kind := range []string{"greedy", "sampled", "schema", "log-probabilities", "cancelled", "unload"} {
		t.add(outcome{model: "dense", kind: kind, tokens: 10, began: at(1), ended: at(2)})
	}
	for _, o := range more {
		t.add(o)
	}
	return t.phase(4, 20*time.Second, &Death{Model: killed, Tries: 1, at: at(10), recovered: at(12)})
}

// life is a process that had so many MiB at first and at last, after a start that does not count.
func life(process string, from, to float64) Resident {
	r := Resident{Process: process, samples: slices.Repeat([]sample{{mib: 1}}, 20)}
	for i := range 30 {
		r.samples = append(r.samples, sample{from + (to-from)*float64(i)/29, warmUp})
	}
	return summary(r)
}

func TestReportFindsProblems(t *testing.T) {
	sound := func() *Report {
		return &Report{Phases: []Phase{asked()}, Active: 3,
			Memory: []Resident{life("ollama", 40, 44), life(killed, 80, 84), summary(Resident{Process: "other", samples: []sample{{mib: 50}, {mib: 90}}})}}
	}
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		change func(*Report)
		says   string // "": no problem
	}{
		"sound": {func(*Report) {}, ""},
		"an error": {func(r *Report) {
			r.Phases[0] = asked(outcome{model: "dense", kind: "greedy", began: at(11), ended: at(12), err: broken})
		}, "greedy of dense: broken"},
		"an error before the kill": {func(r *Report) {
			r.Phases[0] = asked(outcome{model: killed, kind: "greedy", began: at(8), ended: at(9), err: broken})
		}, "greedy of fast: broken"},
		"an error after the kill": {func(r *Report) {
			r.Phases[0] = asked(outcome{model: killed, kind: "greedy", began: at(13), ended: at(14), err: broken})
		}, "greedy of fast: broken"},
		"lost to the kill": {func(r *Report) {
			r.Phases[0] = asked(outcome{model: killed, kind: "greedy", began: at(9), ended: at(11), err: broken})
		}, ""},
		"slow to come back": {func(r *Report) { r.Phases[0].Death.Tries = 2 }, "2 times"},
		"nothing cancelled": {func(r *Report) { delete(r.Phases[0].Requests, "cancelled") }, `"cancelled"`},
		"a leak":            {func(r *Report) { r.Memory[1] = life(killed, 80, 130) }, "fast (process 0) grew"},
		"a leak of Ollama":  {func(r *Report) { r.Memory[0] = life("ollama", 40, 80) }, "ollama (process 0) grew"},
		"too short to tell": {func(r *Report) { r.Memory[1] = summary(Resident{Process: killed, samples: r.Memory[1].samples[:30]}) }, "not seen long enough"},
		"a stalled Ollama": {func(r *Report) {
			r.Phases[0] = asked(outcome{model: "dense", kind: "greedy", began: at(1), ended: at(11), err: errStalled})
		}, ""},
		"without FlashHead":   {func(r *Report) { r.Active = 0 }, "never active"},
		"nobody saw a server": {func(r *Report) { r.Memory = r.Memory[:1] }, "the memory of fast"},
	} {
		t.Run(name, func(t *testing.T) {
			r := sound()
			c.change(r)
			problems := r.Problems()
			if c.says == "" && len(problems) > 0 || c.says != "" && (len(problems) != 1 || !strings.Contains(problems[0], c.says)) {
				t.Errorf("problems %q, want one with %q", problems, c.says)
			}
			if table := r.Table(); strings.Contains(table, "problem: ") != (c.says != "") {
				t.Errorf("the table says\n%s", table)
			}
		})
	}
}

func TestPhaseCounts(t *testing.T) {
	p := asked(outcome{model: killed, kind: "greedy", tokens: 40, began: at(9), ended: at(15), err: errors.New("lost")})
	if p.Tokens != 100 || p.PerSecond != 5 || p.Slowest != 6 || p.Requests["greedy"] != 2 || p.Death.Lost != 1 || len(p.Errors) != 0 {
		t.Errorf("%+v, %+v", p, p.Death)
	}
}
