package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/chart"
	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// figure is a chart with its caption and legend.
type figure struct {
	Name, Caption string
	Legend        []entry
	SVG           template.HTML // of chart, which escapes all text

	chart chart.Chart
}

// entry explains one series, or the horizontal line.
type entry struct {
	Class, Marker, Name string
	Rule                bool
}

// figures draws the results over P, without those that no P has.
func figures(r evaluation.Report) []figure {
	all := plots(r)
	for i := range all {
		f := &all[i]
		c := &f.chart
		c.Name, c.XName = f.Name+" over P; the numbers are in the table", "P, clusters read for each token"
		c.Mark = chart.Mark{X: float64(r.Model.Probes), Label: "the file's own P"}
		c.Series = slices.DeleteFunc(c.Series, func(s chart.Series) bool { return len(s.Points) == 0 })
		for i, s := range c.Series {
			f.Legend = append(f.Legend, entry{Class: fmt.Sprintf("s%d", i+1), Marker: chart.Marker(i), Name: s.Name})
		}
		if c.Rule > 0 {
			f.Legend = append(f.Legend, entry{Class: "rule", Name: "dense", Rule: true})
		}
		f.SVG = template.HTML(c.SVG())
	}
	return slices.DeleteFunc(all, func(f figure) bool { return len(f.chart.Series) == 0 })
}

// plots lists the results over P. The dense head is at 1 where a rule shows it.
func plots(r evaluation.Report) []figure {
	line := func(name string, of func(evaluation.Point) chart.Point) chart.Series {
		s := chart.Series{Name: name}
		for _, p := range r.Points {
			if point := of(p); p.Probes > 0 && chart.Finite(point.Y) {
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
	return []figure{
		{
			Name:    "The same token",
			Caption: "The share of positions where both heads have the same best token, with its 95 % confidence interval.",
			chart: chart.Chart{Y: chart.Linear(percentTick), Series: []chart.Series{
				line("same best token", func(p evaluation.Point) chart.Point { return share(p.SameTop, true) }),
			}},
		}, {
			Name: "What is scored exactly",
			Caption: "The share of the dense head's best tokens that are scored exactly, and their share of the " +
				"probability.",
			chart: chart.Chart{Y: chart.Linear(percentTick), Series: []chart.Series{
				line("best token", func(p evaluation.Point) chart.Point { return share(p.Top1, false) }),
				line("best 5", func(p evaluation.Point) chart.Point { return share(p.Top5, false) }),
				line("best 40", func(p evaluation.Point) chart.Point { return share(p.Top40, false) }),
				line("probability mass", func(p evaluation.Point) chart.Point {
					return chart.Point{Y: p.Mass, Label: percent(p.Mass)}
				}),
			}},
		}, {
			Name: "How far probabilities move",
			Caption: "KLD in nats; lower is better, and 0 means equal probabilities. The mean has its standard " +
				"error.",
			chart: chart.Chart{Y: chart.Log(), Series: []chart.Series{
				line("mean", func(p evaluation.Point) chart.Point { return mean(p.KLD) }),
				line("99 % of positions below", func(p evaluation.Point) chart.Point {
					return chart.Point{Y: p.KLD.P99, Label: number(p.KLD.P99)}
				}),
				line("mean at temperature 0.8", func(p evaluation.Point) chart.Point { return mean(p.CoolKLD) }),
			}},
		}, {
			Name: "Speed",
			Caption: "Tokens per second relative to dense on the same prompts, measured in turn: the median pair, with " +
				"the slowest and the fastest.",
			chart: chart.Chart{Y: chart.Linear(timesTick), Rule: 1, Most: 2 * fastest, Series: []chart.Series{
				line("times as fast", func(p evaluation.Point) chart.Point {
					if p.Speed == nil {
						return chart.Point{Y: math.NaN()}
					}
					s := *p.Speed
					return chart.Point{Y: s.Ratio, Low: s.Low, High: s.High,
						Label: fmt.Sprintf("%.2f (%.2f to %.2f) times as fast", s.Ratio, s.Low, s.High)}
				}),
			}},
		}, {
			Name:    "Bytes read",
			Caption: "What is read of the head for each token: all centroids, and the rows of P clusters.",
			chart: chart.Chart{Y: chart.Linear(percentTick), Rule: 1, Series: []chart.Series{
				line("of the dense head's bytes", func(p evaluation.Point) chart.Point {
					relative := relativeBytes(r, p)
					return chart.Point{Y: relative, Label: percent(relative) + ", " + bytes(p.HeadBytes)}
				}),
			}},
		},
	}
}

// share returns a share, whose Y is NaN if nothing was counted.
func share(p statistics.Proportion, bars bool) chart.Point {
	point := chart.Point{Y: p.Share(), Label: percent(p.Share())}
	if bars {
		point.Low, point.High = p.Interval()
		point.Label += fmt.Sprintf(" (%s)", interval(p))
	}
	return point
}

func mean(d evaluation.Distribution) chart.Point {
	return chart.Point{Y: d.Mean, Low: d.Mean - d.Error, High: d.Mean + d.Error,
		Label: number(d.Mean) + " ± " + significant(d.Error, 2)}
}

func percentTick(v float64, digits int) string {
	return fmt.Sprintf("%.*f\u00a0%%", max(0, digits-2), 100*v)
}

func timesTick(v float64, digits int) string { return fmt.Sprintf("%.*f\u00a0×", digits, v) }
