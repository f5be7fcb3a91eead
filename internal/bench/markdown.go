package bench

import (
	"fmt"
	"strings"
)

// markdownHead returns one line on machine and method, and the head of the table of all results.
func (r Report) markdownHead() string {
	m := r.Machine
	text := fmt.Sprintf("%s, %d processors; llama.cpp %s, %s; %s.\n\n", m.CPU, m.Processors, m.Commit, m.Backend,
		r.method())
	columns := []string{"model", "threads", "P", "dense, tokens/s", "FlashHead, tokens/s", "times as fast (95 % interval)",
		"ceiling", "reached", "free head"}
	if r.Method.Prompt > 0 {
		columns = append(columns, "prompt, dense, tokens/s", "prompt, FlashHead, tokens/s", "times as fast (95 % interval)")
	}
	return text + row(columns...) + "| --- " + strings.Repeat("| ---: ", len(columns)-1) + "|\n"
}

// markdown returns the rows of the last result, with what stands before them if it is the first.
func (r Report) markdown() string {
	var b strings.Builder
	if len(r.Results) == 1 {
		b.WriteString(r.markdownHead())
	}
	result := r.Results[len(r.Results)-1]
	for _, p := range result.Points {
		cells := []string{cell(result.Model.Name), fmt.Sprint(p.Threads), fmt.Sprint(p.Probes), speed(p.Decode.Dense),
			speed(p.Decode.FlashHead),
			p.Decode.ratio(), fmt.Sprintf("%.2f", p.Ceiling), fmt.Sprintf("%.0f %%", 100*p.OfCeiling), fmt.Sprintf("%.2f",
				p.FreeHead)}
		if p.Prompt != nil {
			cells = append(cells, speed(p.Prompt.Dense), speed(p.Prompt.FlashHead), p.Prompt.ratio())
		}
		b.WriteString(row(cells...))
	}
	return b.String()
}

// markdownEnd returns what comes after the rows of all results: a table of loading, if that was measured, and doubts.
func (r Report) markdownEnd() string {
	var b strings.Builder
	for _, result := range r.Results {
		for _, l := range result.Load {
			if b.Len() == 0 {
				b.WriteString("\n" + row("model", "head", "seconds to the first token", "of dense", "memory, MB") +
					row("---", "---", "---:", "---:", "---:"))
			}
			b.WriteString(row(cell(result.Model.Name), l.Head, fmt.Sprintf("%.2f", l.Seconds),
				fmt.Sprintf("%.0f %%", 100*l.Ratio), l.megabytes()))
		}
	}
	doubts := 0
	for _, result := range r.Results {
		for _, doubt := range result.Doubts {
			if doubts++; doubts == 1 {
				b.WriteString("\n")
			}
			fmt.Fprintf(&b, "- doubtful: %s: %s\n", cell(result.Model.Name), doubt)
		}
	}
	return b.String()
}

// row is a line of a table.
func row(cells ...string) string {
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// cell is a text of any kind in a table.
func cell(text string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text) }
