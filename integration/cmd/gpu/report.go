package main

import (
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/bench"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/table"
)

// report is the result of all checks and measurements. Its JSON form is what --json writes.
type report struct {
	Device native.Device `json:"device"`
	Driver string        `json:"driver,omitempty"` // GPUs and driver version, from nvidia-smi
	Checks []check       `json:"checks"`
	Heads  []headTime    `json:"heads"`
	Models bench.Report  `json:"models"`
}

// failed returns an error that names the failed checks, nil if there are none.
func (r report) failed() error {
	var names []string
	for _, c := range r.Checks {
		if c.State == failed {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return hint.New(strings.Join(names, ", ")+" failed", "report the output above with that of fh-ollama doctor")
}

// markdown returns the report for a document.
func (r report) markdown() string {
	checks := table.New("llr", "check", "result", "seconds")
	for _, c := range r.Checks {
		checks.Row(c.Name, fmt.Sprintf("%s: %s", c.State, c.Says), fmt.Sprintf("%.0f", c.Seconds))
	}
	heads := table.New("lrrrrrr", "head", "V x D", "P of K", "dense, us", "FlashHead, us", "speed-up", "limit")
	for _, h := range r.Heads {
		heads.Row(h.String(), fmt.Sprintf("%d x %d", h.Rows, h.Columns),
			fmt.Sprintf("%d of %d", h.Probes, h.Clusters),
			fmt.Sprintf("%.1f", h.Dense), fmt.Sprintf("%.1f", h.Flash), fmt.Sprintf("%.2f", h.SpeedUp), fmt.Sprintf("%.2f",
				h.Limit))
	}
	text := fmt.Sprintf("## FlashHead on %s (%s)\n\n", r.Device.Name, r.Device.Description)
	if r.Driver != "" {
		text += r.Driver + "\n\n"
	}
	return text + checks.Markdown() +
		"\nThe head alone. The limit is the ratio of the bytes read and written.\n\n" + heads.Markdown() +
		"\nWhole models with random weights.\n\n" + r.Models.Document()
}
