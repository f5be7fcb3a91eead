package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
	"github.com/fh-ollama/fh-ollama/internal/table"
)

// metric is a value measured in every round.
type metric int

const (
	greedyRate metric = iota
	sampledRate
	greedyGap
	sampledGap
	promptRate
	firstToken
	load
	resident // memory now
	peak
	anonymous    // part of resident: the process's own pages
	ofFiles      // part of resident: pages of mapped files
	promptTokens // not shown
)

// rows are the shown metrics, with unit and format.
var rows = []struct {
	metric metric
	name   string
	format string
}{
	{greedyRate, "eval rate at temperature 0, tokens/s", "%.1f"},
	{sampledRate, "eval rate at temperature 0.8, tokens/s", "%.1f"},
	{greedyGap, "longest wait for a token, ms", "%.0f"},
	{sampledGap, "at temperature 0.8, ms", "%.0f"},
	{promptRate, "prompt eval rate, tokens/s", "%.0f"},
	{firstToken, "time to first token, ms", "%.0f"},
	{load, "load duration, s", "%.2f"},
	{resident, "resident memory, MiB", "%.0f"},
	{peak, "peak resident memory, MiB", "%.0f"},
	{anonymous, "anonymous, MiB", "%.0f"},
	{ofFiles, "file-backed, MiB", "%.0f"},
}

// ratios returns the ratios of one side to another, by round.
func ratios(s, to *side, m metric) []float64 { return statistics.Ratios(s.values[m], to.values[m]) }

// plain formats the results for a terminal, with a line per metric and side.
func plain(sides []*side) string {
	t := table.New("llll", "", "", "median (least to most)", "ratio")
	for _, row := range rows {
		for i, s := range sides {
			name, ratio := row.name, ""
			if i > 0 {
				name, ratio = "", harness.Spread("%.2fx", ratios(s, sides[0], row.metric))
			}
			t.Row(name, s.name, harness.Spread(row.format, s.values[row.metric]), ratio)
		}
	}
	return t.Text()
}

// markdown formats the results for a document, with a row per metric and a column per side.
func markdown(sides []*side) string {
	heads := []string{""}
	for _, s := range sides {
		heads = append(heads, s.name)
	}
	t := table.New(strings.Repeat("l", len(heads)), heads...)
	for _, row := range rows {
		cells := []string{row.name}
		for i, s := range sides {
			text := harness.Spread(row.format, s.values[row.metric])
			ratio := statistics.Median(ratios(s, sides[0], row.metric))
			if i > 0 && text != "-" && !math.IsNaN(ratio) { // a synthetic model may write nothing that is text before its end
				text += fmt.Sprintf(", %.2fx", ratio)
			}
			cells = append(cells, text)
		}
		t.Row(cells...)
	}
	return t.Markdown()
}
