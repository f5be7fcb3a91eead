package bench

import (
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/table"
)

// text returns the last result of r as text. The first result is preceded by the machine and the method.
func (r Report) text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	if len(r.Results) == 1 {
		line("machine", "%s", r.Machine)
		line("method", "%s", r.Method)
	}
	result := r.Results[len(r.Results)-1]
	b.WriteString("\n")
	m := result.Model
	kind, codes := "", ""
	if m.Synthetic {
		kind = ", with random weights"
	}
	if m.CoarseBits > 0 {
		codes = fmt.Sprintf(", codes of %d bits", m.CoarseBits)
	}
	line("model", "%s, %s%s", m.Name, m.Architecture, kind)
	line("head", "%s, %s, %d x %d, %.0f %% of the bytes read for a token", m.Head, m.HeadType, m.Vocabulary, m.Hidden,
		100*float64(m.HeadBytes)/float64(m.BodyBytes+m.HeadBytes))
	line("flashhead", "%d clusters, P = %d, %s centroids%s", m.Clusters, m.Probes, m.CentroidType, codes)
	line("limit", "%.2f times as fast if the head cost nothing", result.Points[0].FreeHead)
	decode := table.New("rrrrlrr", "threads", "P", "dense,\ntokens/s", "FlashHead,\ntokens/s",
		"speed-up\n(95 % interval)", "ceiling,\nby bytes", "of the\nceiling")
	prompt := table.New("rrrrl", "threads", "P", "dense,\ntokens/s", "FlashHead,\ntokens/s", "speed-up\n(95 % interval)")
	for _, p := range result.Points {
		decode.Row(append(p.cells(p.Decode), number(p.Ceiling), percent(p.OfCeiling))...)
		if p.Prompt != nil {
			prompt.Row(p.cells(*p.Prompt)...)
		}
	}
	b.WriteString("\n" + decode.Text())
	if r.Method.Prompt > 0 {
		fmt.Fprintf(&b, "\nReading a prompt of %d tokens:\n%s", r.Method.Prompt, prompt.Text())
	}
	if len(result.Answers) > 0 {
		answers := table.New("rlrrlrl", "threads", "tokens", "dense,\ntokens/s", "checked,\ntokens/s",
			"speed-up\n(95 % interval)", "unchecked,\ntokens/s", "speed-up\n(95 % interval)")
		for _, a := range result.Answers {
			answers.Row(a.cells()...)
		}
		fmt.Fprintf(&b, "\nAnswers of llama-server with P = %d:\n%s", result.Points[0].Probes, answers.Text())
	}
	if len(result.Load) > 0 {
		load := table.New("lrrr", "", "seconds", "of dense", "memory, MB")
		for _, l := range result.Load {
			load.Row(l.cells()...)
		}
		b.WriteString("\nLoading, up to the first token:\n" + load.Text())
	}
	for i, doubt := range result.Doubts {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "Doubtful: %s.\n", doubt)
	}
	return b.String()
}

// markdown returns the rows of the last result. The first result is preceded by the machine, the method and the header.
func (r Report) markdown() string {
	heads := []string{"model", "threads", "P", "dense, tokens/s", "FlashHead, tokens/s", "speed-up (95 % interval)",
		"ceiling", "reached", "free head"}
	if r.Method.Prompt > 0 {
		heads = append(heads, "prompt, dense, tokens/s", "prompt, FlashHead, tokens/s", "speed-up (95 % interval)")
	}
	rows := table.New("l"+strings.Repeat("r", len(heads)-1), heads...)
	result := r.Results[len(r.Results)-1]
	for _, p := range result.Points {
		cells := append([]string{result.Model.Name}, p.cells(p.Decode)...)
		cells = append(cells, number(p.Ceiling), percent(p.OfCeiling), number(p.FreeHead))
		if p.Prompt != nil {
			cells = append(cells, p.cells(*p.Prompt)[2:]...)
		}
		rows.Row(cells...)
	}
	if len(r.Results) == 1 {
		return fmt.Sprintf("%s; %s.\n\n%s", r.Machine, r.Method, rows.Markdown())
	}
	return strings.SplitAfterN(rows.Markdown(), "\n", 3)[2]
}

// markdownEnd returns the tables of answers and of loading, if they were measured, and the doubts.
func (r Report) markdownEnd() string {
	load := table.New("llrrr", "model", "head", "seconds to the first token", "of dense", "memory, MB")
	answers := table.New("lrlrrlrl", "model", "threads", "answers", "dense, tokens/s", "checked, tokens/s",
		"speed-up (95 % interval)", "unchecked, tokens/s", "speed-up (95 % interval)")
	answersText, loadText, doubts := "", "", ""
	for _, result := range r.Results {
		for _, a := range result.Answers {
			answers.Row(append([]string{result.Model.Name}, a.cells()...)...)
			answersText = "\n" + answers.Markdown()
		}
		for _, l := range result.Load {
			load.Row(append([]string{result.Model.Name}, l.cells()...)...)
			loadText = "\n" + load.Markdown()
		}
		for _, doubt := range result.Doubts {
			doubts += fmt.Sprintf("- doubtful: %s: %s\n", result.Model.Name, doubt)
		}
	}
	if doubts != "" {
		doubts = "\n" + doubts
	}
	return answersText + loadText + doubts
}

// String names the machine and the runtime in one line.
func (m Machine) String() string {
	return fmt.Sprintf("%s, %d processors; llama.cpp %s, %s", m.CPU, m.Processors, m.Commit, m.Backend)
}

// String describes the method in one line.
func (m Method) String() string {
	text := fmt.Sprintf("%d rounds of dense and FlashHead in turn, %d tokens each", m.Rounds, m.Tokens)
	if m.Prompt > 0 {
		text += fmt.Sprintf(", after a prompt of %d", m.Prompt)
	}
	return text + "; medians"
}

// cells returns threads, P, both speeds and the speed-up with its interval.
func (p Point) cells(speeds Pairs) []string {
	return []string{fmt.Sprint(p.Threads), fmt.Sprint(p.Probes), speed(speeds.Dense), speed(speeds.FlashHead),
		speeds.speedUp()}
}

// speedUp returns the speed-up with its interval.
func (p Pairs) speedUp() string {
	if i := p.Interval; i != nil {
		return fmt.Sprintf("%.2f (%.2f to %.2f)", p.SpeedUp, i.Low, i.High)
	}
	return number(float64(p.SpeedUp)) + " (not known)"
}

// cells returns threads, how tokens are chosen, and the speeds and speed-ups.
func (a Answers) cells() []string {
	checked, times := "-", "-"
	if a.Checked != nil {
		checked, times = speed(a.Checked.FlashHead), a.Checked.speedUp()
	}
	return []string{fmt.Sprint(a.Threads), a.Sampling, speed(a.Unchecked.Dense), checked, times,
		speed(a.Unchecked.FlashHead), a.Unchecked.speedUp()}
}

// cells returns the head, seconds, share of dense and megabytes.
func (l Load) cells() []string {
	memory := "not known"
	if l.Memory > 0 {
		memory = fmt.Sprintf("%.0f", float64(l.Memory)/1e6)
	}
	return []string{l.Head, number(l.Seconds), percent(float64(l.Ratio)), memory}
}

func number(v float64) string { return fmt.Sprintf("%.2f", v) }

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

// speed formats tokens a second with three digits, or all digits before the point.
func speed(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
