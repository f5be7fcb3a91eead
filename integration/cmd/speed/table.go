package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/processors"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// metric is something that is measured in every round.
type metric int

const (
	greedyRate metric = iota
	sampledRate
	promptRate
	firstToken
	load
	resident
	peak
	anonymous
	ofFiles
	promptTokens // not shown
)

// rows are the metrics as they are shown: name with unit, and digits behind the point.
var rows = []struct {
	metric metric
	name   string
	digits int
}{
	{greedyRate, "eval rate at temperature 0, tokens/s", 1},
	{sampledRate, "eval rate at temperature 0.8, tokens/s", 1},
	{promptRate, "prompt eval rate, tokens/s", 0},
	{firstToken, "time to first token, ms", 0},
	{load, "load duration, s", 2},
	{resident, "resident memory, MiB", 0},
	{peak, "its peak, MiB", 0},
	{anonymous, "of it anonymous, MiB", 0},
	{ofFiles, "of it pages of files, MiB", 0},
}

// threads is how many the machine has.
func threads() int { return processors.Usable() }

// used says how many threads a model was given, if not left to Ollama.
func used(threads int) string {
	if threads == 0 {
		return ""
	}
	return fmt.Sprintf("%d used; ", threads)
}

// cell is a median with its spread, each with the unit behind it; "-" if unknown.
func cell(values []float64, digits int, unit string) string {
	if len(values) == 0 || math.IsNaN(values[0]) {
		return "-"
	}
	show := func(v float64) string { return strconv.FormatFloat(v, 'f', digits, 64) + unit }
	return fmt.Sprintf("%s (%s to %s)", show(statistics.Median(values)), show(slices.Min(values)),
		show(slices.Max(values)))
}

// ratios are those of a side to another, round by round.
func ratios(s, to *side, m metric) []float64 {
	var out []float64
	for i, v := range s.values[m] {
		out = append(out, v/to.values[m][i])
	}
	return out
}

// plain is the table for a terminal: a block a metric.
func plain(sides []*side) string {
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "%s\n", row.name)
		for i, s := range sides {
			line := fmt.Sprintf("  %-18s %-26s", s.name, cell(s.values[row.metric], row.digits, ""))
			if i > 0 {
				line += cell(ratios(s, sides[0], row.metric), 2, "x")
			}
			fmt.Fprintln(&b, strings.TrimRight(line, " "))
		}
	}
	return b.String()
}

// markdown is the table for a document: a line a metric, a column a side.
func markdown(sides []*side) string {
	var b strings.Builder
	b.WriteString("| |")
	for _, s := range sides {
		fmt.Fprintf(&b, " %s |", s.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(sides)) + "\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |", row.name)
		for i, s := range sides {
			text := cell(s.values[row.metric], row.digits, "")
			if i > 0 && text != "-" {
				text += fmt.Sprintf(", %.2fx", statistics.Median(ratios(s, sides[0], row.metric)))
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		b.WriteString("\n")
	}
	return b.String()
}
