package bench

import (
	"fmt"
	"strings"
)

// text returns the last result of r for people, in lines of at most 100 columns but for doubts.
func (r Report) text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	if len(r.Results) == 1 {
		m := r.Machine
		line("machine", "%s, %d processors; llama.cpp %s, %s", m.CPU, m.Processors, m.Commit, m.Backend)
		line("method", "%s", r.method())
	}
	result := r.Results[len(r.Results)-1]
	b.WriteString("\n")
	m := result.Model
	line("model", "%s, %s", m.Name, m.kind())
	line("head", "%s, %s, %d x %d, %.0f %% of the bytes that a token reads", m.Head, m.HeadType, m.Vocabulary, m.Hidden,
		100*m.headShare())
	codes := ""
	if m.CoarseBits > 0 {
		codes = fmt.Sprintf(", codes of %d bits", m.CoarseBits)
	}
	line("flashhead", "%d clusters, P = %d, %s centroids%s", m.Clusters, m.Probes, m.CentroidType, codes)
	line("limit", "%.2f times as fast if the head cost nothing", result.freeHead())
	b.WriteString("\n")
	result.speeds(&b)
	result.prompts(&b, r.Method.Prompt)
	result.loads(&b)
	if len(result.Doubts) > 0 {
		b.WriteString("\n")
	}
	for _, doubt := range result.Doubts {
		fmt.Fprintf(&b, "Doubtful: %s.\n", doubt)
	}
	return b.String()
}

// method says in words how it was measured.
func (r Report) method() string {
	text := fmt.Sprintf("%d rounds of dense and FlashHead in turn, %d tokens each", r.Method.Rounds, r.Method.Tokens)
	if r.Method.Prompt > 0 {
		text += fmt.Sprintf(", after a prompt of %d", r.Method.Prompt)
	}
	return text + "; medians"
}

func (m Model) kind() string {
	if m.Synthetic {
		return m.Architecture + ", with random weights"
	}
	return m.Architecture
}

// headShare is the dense head's share of the bytes that a token reads.
func (m Model) headShare() float64 { return float64(m.HeadBytes) / float64(m.BodyBytes+m.HeadBytes) }

func (r Result) freeHead() float64 { return r.Points[0].FreeHead }

// speeds is the table of decoding.
func (r Result) speeds(b *strings.Builder) {
	const form = "%7s  %6s  %8s  %9s  %-22s  %8s  %s\n"
	fmt.Fprintf(b, form, "", "", "dense,", "FlashHead", "times as fast", "ceiling,", "reached")
	fmt.Fprintf(b, form, "threads", "P", "tokens/s", "tokens/s", "(95 % interval)", "by bytes", "of it")
	for _, p := range r.Points {
		fmt.Fprintf(b, form, fmt.Sprint(p.Threads), r.mark(p), speed(p.Decode.Dense), speed(p.Decode.FlashHead),
			p.Decode.ratio(),
			fmt.Sprintf("%.2f", p.Ceiling), fmt.Sprintf("%.0f %%", 100*p.OfCeiling))
	}
	if r.starred() {
		b.WriteString("* the file's own P\n")
	}
}

// mark is a point's P, the file's own with a star where there are others.
func (r Result) mark(p Point) string {
	if p.Probes == r.Model.Probes && r.starred() {
		return fmt.Sprintf("*%d", p.Probes)
	}
	return fmt.Sprint(p.Probes)
}

// starred reports whether the file's own P is one of several.
func (r Result) starred() bool {
	own, other := false, false
	for _, p := range r.Points {
		own, other = own || p.Probes == r.Model.Probes, other || p.Probes != r.Model.Probes
	}
	return own && other
}

// prompts is the table of reading a prompt, if that was measured.
func (r Result) prompts(b *strings.Builder, tokens int) {
	if tokens == 0 {
		return
	}
	const form = "%7s  %6s  %8s  %9s  %s\n"
	fmt.Fprintf(b, "\nReading a prompt of %d tokens:\n", tokens)
	fmt.Fprintf(b, form, "", "", "dense,", "FlashHead", "times as fast")
	fmt.Fprintf(b, form, "threads", "P", "tokens/s", "tokens/s", "(95 % interval)")
	for _, p := range r.Points {
		fmt.Fprintf(b, form, fmt.Sprint(p.Threads), r.mark(p), speed(p.Prompt.Dense), speed(p.Prompt.FlashHead),
			p.Prompt.ratio())
	}
}

// loads is the table of loading, if that was measured.
func (r Result) loads(b *strings.Builder) {
	if len(r.Load) == 0 {
		return
	}
	const form = "%-30s  %14s  %8s  %11s\n"
	b.WriteString("\nLoading, up to the first token:\n")
	fmt.Fprintf(b, form, "", "seconds", "of dense", "memory, MB")
	for _, l := range r.Load {
		fmt.Fprintf(b, form, l.Head, fmt.Sprintf("%.2f", l.Seconds), fmt.Sprintf("%.0f %%", 100*l.Ratio), l.megabytes())
	}
}

// megabytes is the memory in words.
func (l Load) megabytes() string {
	if l.Memory == 0 {
		return "not known"
	}
	return fmt.Sprintf("%.0f", float64(l.Memory)/1e6)
}

// ratio is the speed-up with its interval.
func (p Pairs) ratio() string {
	if p.Interval == nil {
		return fmt.Sprintf("%.2f (not known)", p.SpeedUp)
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", p.SpeedUp, p.Interval.Low, p.Interval.High)
}

// speed is a number of tokens a second with three digits, or all before the point.
func speed(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
