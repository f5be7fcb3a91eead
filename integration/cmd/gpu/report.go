package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/bench"
	"github.com/fh-ollama/fh-ollama/internal/native"
)

// report is everything that was found; its JSON form is what --json writes.
type report struct {
	Device native.Device  `json:"device"`
	Driver string         `json:"driver,omitempty"` // GPUs and driver, as nvidia-smi names them
	Checks []check        `json:"checks"`
	Heads  []headTime     `json:"heads"`
	Models []bench.Report `json:"models"`
}

func (r report) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// markdown is the report for a document.
func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## FlashHead on %s (%s)\n\n", r.Device.Name, r.Device.Description)
	if r.Driver != "" {
		fmt.Fprintf(&b, "%s\n\n", r.Driver)
	}
	b.WriteString("| check | result | seconds |\n| --- | --- | ---: |\n")
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "| %s | %s: %s | %.0f |\n", c.Name, c.State, strings.ReplaceAll(c.Says, "|", `\|`), c.Seconds)
	}
	b.WriteString("\nThe head alone; the limit is the ratio of the bytes.\n\n" +
		"| head | V x D | P of K | dense, us | FlashHead, us | times as fast | limit |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, h := range r.Heads {
		fmt.Fprintf(&b, "| %s %s | %d x %d | %d of %d | %.1f | %.1f | %.2f | %.2f |\n", h.Model, h.Type, h.Rows, h.Columns, h.Probes, h.Clusters,
			h.Dense, h.Flash, h.SpeedUp, h.Limit)
	}
	b.WriteString("\nWhole models with random weights, llama-bench, dense and FlashHead in turn.\n\n" +
		"| model | backend | dense, tokens/s | FlashHead, tokens/s | times as fast | 95 % interval | ceiling | free head |\n" +
		"| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, m := range r.Models {
		for _, result := range m.Results {
			for _, p := range result.Points {
				interval := "too few rounds"
				if i := p.Decode.Interval; i != nil {
					interval = fmt.Sprintf("%.2f to %.2f", i.Low, i.High)
				}
				fmt.Fprintf(&b, "| %s | %s | %.1f | %.1f | %.2f | %s | %.2f | %.2f |\n", result.Model.Name, m.Machine.Backend,
					p.Decode.Slower, p.Decode.Faster, p.Decode.SpeedUp, interval, p.Ceiling, p.FreeHead)
			}
		}
	}
	var doubts []string
	for _, m := range r.Models {
		for _, result := range m.Results {
			for _, doubt := range result.Doubts {
				doubts = append(doubts, fmt.Sprintf("- doubtful: %s: %s\n", result.Model.Name, doubt))
			}
		}
	}
	if len(doubts) > 0 {
		b.WriteString("\n" + strings.Join(doubts, ""))
	}
	return b.String()
}
