package page

import (
	"fmt"
	"html/template"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/chart"
	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// figure is a chart with its caption and legend.
type figure struct {
	Name, Caption string
	Legend        []entry
	SVG           template.HTML // chart escapes all text
}

// entry explains one series, or the horizontal line.
type entry struct {
	Class, Marker, Name string
	Rule                bool
}

// plot describes a figure.
type plot struct {
	name, caption string
	scale         chart.Scale
	dense         bool    // shows dense, at 1, for comparison
	most          float64 // of the y axis, for intervals
	series        []chart.Series
}

// figures draws the results over P, without those that no P has.
func figures(r evaluation.Report) []figure {
	var all []figure
	for _, p := range plots(r) {
		p.series = slices.DeleteFunc(p.series, func(s chart.Series) bool { return len(s.Points) == 0 })
		if len(p.series) > 0 {
			all = append(all, p.figure(r.Model.Probes))
		}
	}
	return all
}

func (p plot) figure(own uint32) figure {
	c := chart.Chart{
		Name: p.name + " over P; the numbers are in the table", XName: "P, clusters read for each token",
		Y: p.scale, Series: p.series, Most: p.most,
	}
	if own > 0 {
		c.Mark = chart.Mark{X: float64(own), Label: "the file's own P"}
	}
	f := figure{Name: p.name, Caption: p.caption}
	for i, s := range p.series {
		f.Legend = append(f.Legend, entry{Class: fmt.Sprintf("s%d", i+1), Marker: chart.Marker(i), Name: s.Name})
	}
	if p.dense {
		c.Rule = 1
		f.Legend = append(f.Legend, entry{Class: "rule", Name: "dense", Rule: true})
	}
	f.SVG = template.HTML(c.SVG())
	return f
}

// plots lists the results over P.
func plots(r evaluation.Report) []plot {
	line := func(name string, of func(evaluation.Point) (chart.Point, bool)) chart.Series {
		s := chart.Series{Name: name}
		for _, p := range r.Points {
			if point, ok := of(p); ok && p.Probes > 0 && chart.Finite(point.Y) {
				point.X, point.Label = float64(p.Probes), fmt.Sprintf("P = %d: %s", p.Probes, point.Label)
				s.Points = append(s.Points, point)
			}
		}
		return s
	}
	fastest := 1.0
	for _, p := range r.Points {
		if p.Speed != nil {
			fastest = max(fastest, p.Speed.Ratio)
		}
	}
	return []plot{
		{
			name: "The same token", scale: chart.Linear(percentTick),
			caption: "The share of positions where both heads have the same best token, with its 95 % confidence interval.",
			series: []chart.Series{
				line("same best token", func(p evaluation.Point) (chart.Point, bool) { return share(p.SameTop, true) }),
			},
		}, {
			name: "What is scored exactly", scale: chart.Linear(percentTick),
			caption: "The share of the dense head's best tokens that are scored exactly, and their share of the " +
				"probability.",
			series: []chart.Series{
				line("best token", func(p evaluation.Point) (chart.Point, bool) { return share(p.Top1, false) }),
				line("best 5", func(p evaluation.Point) (chart.Point, bool) { return share(p.Top5, false) }),
				line("best 40", func(p evaluation.Point) (chart.Point, bool) { return share(p.Top40, false) }),
				line("probability mass", func(p evaluation.Point) (chart.Point, bool) {
					return chart.Point{Y: p.Mass, Label: percent(p.Mass)}, true
				}),
			},
		}, {
			name: "How far probabilities move", scale: chart.Log(),
			caption: "KLD in nats; lower is better, and 0 means equal probabilities. The mean has its standard " +
				"error.",
			series: []chart.Series{
				line("mean", func(p evaluation.Point) (chart.Point, bool) { return mean(p.KLD), true }),
				line("99 % of positions below", func(p evaluation.Point) (chart.Point, bool) {
					return chart.Point{Y: p.KLD.P99, Label: number(p.KLD.P99)}, true
				}),
				line("mean at temperature 0.8", func(p evaluation.Point) (chart.Point, bool) { return mean(p.CoolKLD), true }),
			},
		}, {
			name: "Speed", scale: chart.Linear(timesTick), dense: true, most: 2 * fastest,
			caption: "Tokens per second relative to dense on the same prompts, measured in turn: the median pair, with " +
				"the slowest and the fastest.",
			series: []chart.Series{
				line("times as fast", func(p evaluation.Point) (chart.Point, bool) {
					if p.Speed == nil {
						return chart.Point{}, false
					}
					s := *p.Speed
					return chart.Point{Y: s.Ratio, Low: s.Low, High: s.High,
						Label: fmt.Sprintf("%.2f (%.2f to %.2f) times as fast", s.Ratio, s.Low, s.High)}, true
				}),
			},
		}, {
			name: "Bytes read", scale: chart.Linear(percentTick), dense: true,
			caption: "What is read of the head for each token: all centroids, and the rows of P clusters.",
			series: []chart.Series{
				line("of the dense head's bytes", func(p evaluation.Point) (chart.Point, bool) {
					relative := relativeBytes(r, p)
					return chart.Point{Y: relative, Label: percent(relative) + ", " + bytes(p.HeadBytes)}, true
				}),
			},
		},
	}
}

func share(p statistics.Proportion, bars bool) (chart.Point, bool) {
	point := chart.Point{Y: p.Share(), Label: percent(p.Share())}
	if bars {
		point.Low, point.High = p.Interval()
		point.Label += fmt.Sprintf(" (%s)", interval(p))
	}
	return point, p.Total > 0
}

func mean(d evaluation.Distribution) chart.Point {
	return chart.Point{Y: d.Mean, Low: d.Mean - d.Error, High: d.Mean + d.Error,
		Label: number(d.Mean) + " ± " + significant(d.Error, 2)}
}

func percentTick(v float64, digits int) string {
	return fmt.Sprintf("%.*f\u00a0%%", max(0, digits-2), 100*v)
}

func timesTick(v float64, digits int) string { return fmt.Sprintf("%.*f\u00a0×", digits, v) }
