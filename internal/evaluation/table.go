package evaluation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// String formats the report as text, in lines of at most 100 columns.
func (r Report) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	m := r.Model
	line("model", "%s, %s", m.File, m.Architecture)
	line("head", "%s, %s, %d x %d", m.Head, m.HeadType, m.Vocabulary, m.Hidden)
	codes := ""
	if m.CoarseBits > 0 {
		codes = fmt.Sprintf(", codes of %d bits and %d bytes", m.CoarseBits, m.FineBytes)
	}
	line("flashhead", "%d clusters, P = %d, %d pinned tokens, %s centroids%s, mode %s", m.Clusters, m.Probes, m.Pinned,
		m.CentroidType, codes, r.mode())
	line("text", "%s, %d chunks of %d tokens, %d positions", r.Text.Name, r.Text.Chunks, r.Text.Context, r.Text.Positions)
	line("dense", "perplexity %.2f ± %.2f", r.Dense.Value, r.Dense.Error)
	if r.Unknown != "" {
		line("required P", "not known: %s", r.Unknown)
	} else {
		q := r.Required
		line("required P", "median %.0f, 90 %% %.0f, 95 %% %.0f, 99 %% %.0f, 99.9 %% %.0f, most %.0f", q.Median, q.P90, q.P95,
			q.P99, q.P999, q.Max)
	}
	b.WriteString("\n")
	r.faithfulness(&b)
	if own := r.own(); own != nil {
		r.kinds(&b, *own)
	}
	r.continuations(&b)
	if verdict := r.Verdict(); verdict != "" {
		fmt.Fprintf(&b, "\n%s\n", verdict)
	}
	return b.String()
}

// own returns the point of the file's own P, nil if it was not measured.
func (r Report) own() *Point {
	for i, p := range r.Points {
		if p.Probes == int(r.Model.Probes) {
			return &r.Points[i]
		}
	}
	return nil
}

func (r Report) mode() string {
	if r.Runtime.Mode == modeSample {
		return fmt.Sprintf("%s at temperature %g, seed %d", modeSample, r.Runtime.Temperature, r.Runtime.Seed)
	}
	return r.Runtime.Mode
}

// faithfulness writes the table of fidelity on the text.
func (r Report) faithfulness(b *strings.Builder) {
	const form = "%6s  %-21s  %-16s  %-7s  %-8s  %-16s  %-5s  %s"
	row := func(cells ...any) { fmt.Fprintln(b, strings.TrimRight(fmt.Sprintf(form, cells...), " ")) }
	row("", "same top, %", "KLD, nats", "99 % of", "per-", "scored of the", "mass,", "same")
	row("P", "(95 % interval)", "", "KLD", "plexity", "best 1/5/40, %", "%", "draw, %")
	for _, p := range r.Points {
		low, high := p.SameTop.Interval()
		row(r.mark(p), fmt.Sprintf("%.2f (%.2f-%.2f)", 100*p.SameTop.Share(), 100*low, 100*high),
			fmt.Sprintf("%.4f ± %.4f", p.KLD.Mean, p.KLD.Error), fmt.Sprintf("%.3f", p.KLD.P99), fmt.Sprintf("%.2f",
				p.Perplexity.Value),
			percent(p.Top1)+"/"+percent(p.Top5)+"/"+percent(p.Top40), fmt.Sprintf("%.2f", 100*p.Mass),
			fmt.Sprintf("%.2f", 100*p.SameDraw))
	}
}

// kinds writes the table of the kinds of text with one P, the worst last.
func (r Report) kinds(b *strings.Builder, p Point) {
	if len(p.Kinds) == 0 {
		return
	}
	const form = "%-11s  %9s  %-22s  %-17s  %s\n"
	fmt.Fprintf(b, "\n"+form, "of "+r.mark(p), "positions", "same top, %", "KLD, nats", "same draw, %")
	worstLast := slices.SortedStableFunc(slices.Values(p.Kinds), func(a, b Kind) int { return cmp.Compare(a.KLD, b.KLD) })
	for _, k := range worstLast {
		low, high := k.SameTop.Interval()
		fmt.Fprintf(b, form, k.Name, fmt.Sprint(k.SameTop.Total),
			fmt.Sprintf("%.2f (%.2f-%.2f)", 100*k.SameTop.Share(), 100*low, 100*high),
			fmt.Sprintf("%.4f ± %.4f", k.KLD, k.KLDError), fmt.Sprintf("%.2f", 100*k.SameDraw))
	}
}

// percent formats a share with one decimal, or none for an integer.
func percent(p statistics.Proportion) string {
	if p.Count == p.Total {
		return "100"
	}
	return fmt.Sprintf("%.1f", 100*p.Share())
}

// continuations writes the table of the greedy continuations.
func (r Report) continuations(b *strings.Builder) {
	const form = "%6s  %-12s  %-12s  %-20s  %s\n"
	if len(r.Generation) == 0 {
		return
	}
	fmt.Fprintf(b, "\n"+form, "", "same", "same before", "tokens/s", "speed")
	fmt.Fprintf(b, form, "P", "text", "they part", "dense, FlashHead", "(slowest to fastest pair)")
	noisy := false
	row := func(name string, g *Greedy, s *Speed) {
		if g == nil {
			return
		}
		speeds, ratio := "-", "-"
		if s != nil {
			speeds = fmt.Sprintf("%.1f, %.1f", s.Dense, s.Flash)
			ratio = fmt.Sprintf("%.2fx (%.2fx to %.2fx)", s.Ratio, s.Low, s.High)
			noisy = noisy || s.High > wideSpread*s.Low
		}
		fmt.Fprintf(b, form, name, fmt.Sprintf("%d of %d", g.Identical.Count, g.Identical.Total),
			fmt.Sprintf("%.0f %%", 100*g.Agreed), speeds, ratio)
	}
	for _, p := range r.Points {
		row(r.mark(p), p.Greedy, p.Speed)
	}
	if r.Checked != nil {
		row("exact", r.Checked.Greedy, r.Checked.Speed)
	}
	if noisy {
		b.WriteString("The pairs differ a lot: something else keeps the processors busy; try when the machine is idle.\n")
	}
}

// wideSpread is the ratio of the fastest to the slowest pair above which speeds are unreliable.
const wideSpread = 2

// mark formats a point's P; the file's own has a star.
func (r Report) mark(p Point) string {
	if p.Probes == int(r.Model.Probes) {
		return fmt.Sprintf("*%d", p.Probes)
	}
	return fmt.Sprint(p.Probes)
}

// Verdict describes the results with the file's own P, in a few lines; "" if that was not measured.
func (r Report) Verdict() string {
	p := r.own()
	if p == nil {
		return ""
	}
	low, high := p.SameTop.Interval()
	text := fmt.Sprintf("At its own P of %d the model's best token is the dense head's at %.1f %% of positions\n"+
		"(%.1f to %.1f %%), for %.0f %% of the bytes that the dense head reads.",
		p.Probes, 100*p.SameTop.Share(), 100*low, 100*high, 100*float64(p.HeadBytes)/float64(r.Model.HeadBytes))
	if p.Greedy != nil {
		text += fmt.Sprintf("\n%d of its %d continuations are the dense ones, word for word", p.Greedy.Identical.Count,
			p.Greedy.Identical.Total)
		if p.Speed != nil {
			text += fmt.Sprintf(", written %.2f times as fast", p.Speed.Ratio)
		}
		text += "."
	}
	if r.Checked != nil {
		same := r.Checked.Greedy.Identical
		text += fmt.Sprintf("\nWith checks by the dense head, as in the patched build (exact), %d of %d are.", same.Count,
			same.Total)
	}
	return text
}
