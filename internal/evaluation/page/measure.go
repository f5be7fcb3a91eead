package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// columns is the number of P's in a table. More go into further tables, because paper is narrow.
const columns = 10

// table holds the measures of some P's, one column each.
type table struct {
	Heads  []head
	Groups []group
}

// Span is the number of the table's columns.
func (t table) Span() int { return len(t.Heads) + 1 }

type head struct {
	Probes int
	Own    bool // the file's own P
}

// group is a few measures of one kind.
type group struct {
	Name string
	Rows []row
}

type row struct {
	Name  string
	Dense string // the dense head's value, where it has one
	Cells []cell
}

type cell struct{ Value, Detail string }

// measure describes one row and its cells. A row without any value is left out.
type measure struct {
	name  string
	dense string
	of    func(evaluation.Point) cell
}

// tables returns all measures, with up to columns P's in each table.
func tables(r evaluation.Report) []table {
	var all []table
	for points := range slices.Chunk(r.Points, columns) {
		var t table
		for _, p := range points {
			t.Heads = append(t.Heads, head{p.Probes, p.Probes == int(r.Model.Probes)})
		}
		for _, g := range groups(r) {
			var rows []row
			for _, m := range g.measures {
				rows = m.appendTo(rows, points)
			}
			if len(rows) > 0 {
				t.Groups = append(t.Groups, group{g.name, rows})
			}
		}
		all = append(all, t)
	}
	return all
}

func (m measure) appendTo(rows []row, points []evaluation.Point) []row {
	r := row{Name: m.name, Dense: m.dense}
	some := false
	for _, p := range points {
		c := m.of(p)
		if c.Value == "" {
			c.Value = missing
		}
		some = some || c.Value != missing
		r.Cells = append(r.Cells, c)
	}
	if !some {
		return rows
	}
	return append(rows, r)
}

type measures struct {
	name     string
	measures []measure
}

func groups(r evaluation.Report) []measures {
	return slices.Concat(textGroups(r), kindGroups(r), runGroups(r))
}

// textGroups are the measures on the whole text.
func textGroups(r evaluation.Report) []measures {
	return []measures{
		{"Same token", []measure{
			{"same best token", "", func(p evaluation.Point) cell { return proportion(p.SameTop) }},
			{"best token scored exactly", "", func(p evaluation.Point) cell { return proportion(p.Top1) }},
			{"best 5 scored exactly", "", func(p evaluation.Point) cell { return proportion(p.Top5) }},
			{"best 40 scored exactly", "", func(p evaluation.Point) cell { return proportion(p.Top40) }},
			{"probability mass scored exactly", "", func(p evaluation.Point) cell { return cell{Value: percent(p.Mass)} }},
		}},
		{"Perplexity", []measure{
			{"perplexity", dense(perplexity(r.Dense)), func(p evaluation.Point) cell { return perplexity(p.Perplexity) }},
		}},
		{"KLD, nats", distribution(func(p evaluation.Point) evaluation.Distribution { return p.KLD })},
		{"KLD at temperature 0.8, nats", distribution(func(p evaluation.Point) evaluation.Distribution { return p.CoolKLD })},
		{"What Ollama's sampler draws from", []measure{
			{"same token drawn", "", func(p evaluation.Point) cell { return cell{Value: percent(p.SameDraw)} }},
		}},
	}
}

// kindGroups are the measures on each kind of text.
func kindGroups(r evaluation.Report) []measures {
	by := func(name string, of func(evaluation.Kind) cell) measures {
		all := measures{name: name}
		if len(r.Points) == 0 {
			return all
		}
		for i, kind := range r.Points[0].Kinds {
			all.measures = append(all.measures, measure{kind.Name, "", func(p evaluation.Point) cell {
				if i >= len(p.Kinds) {
					return cell{}
				}
				return of(p.Kinds[i])
			}})
		}
		return all
	}
	return []measures{
		by("KLD by kind of text, nats", func(k evaluation.Kind) cell {
			return cell{number(k.KLD), "±\u00a0" + significant(k.KLDError, 2)}
		}),
		by("Same best token by kind", func(k evaluation.Kind) cell { return proportion(k.SameTop) }),
		by("Same token drawn by kind", func(k evaluation.Kind) cell { return cell{Value: percent(k.SameDraw)} }),
	}
}

// runGroups are the measures of the continuations.
func runGroups(r evaluation.Report) []measures {
	return []measures{
		{"Greedy continuations", []measure{
			{"identical", withChecks(r), greedy(func(g evaluation.Greedy) cell {
				return cell{fmt.Sprintf("%d of\u00a0%d", g.Identical.Count, g.Identical.Total), interval(g.Identical) + "\u00a0%"}
			})},
			{"share before the first difference", "",
				greedy(func(g evaluation.Greedy) cell { return cell{Value: percent(g.Agreed)} })},
		}},
		{"Cost", []measure{
			{"bytes of the head read for a token", dense(cell{Value: bytes(r.Model.HeadBytes)}), func(p evaluation.Point) cell {
				return cell{Value: bytes(p.HeadBytes), Detail: percent(relativeBytes(r, p))}
			}},
			{"speed against dense", "", speed(func(s evaluation.Speed) cell {
				return cell{times(s.Ratio), fmt.Sprintf("%.2f to\u00a0%.2f", s.Low, s.High)}
			})},
			{"tokens a second", "", speed(func(s evaluation.Speed) cell {
				return cell{number(s.Flash),
					"dense " + number(s.Dense)}
			})},
		}},
	}
}

// withChecks says how many continuations are the dense ones if the dense head checks every token.
func withChecks(r evaluation.Report) string {
	if r.Checked == nil {
		return ""
	}
	same := r.Checked.Greedy.Identical
	return fmt.Sprintf("with checks by the dense head: %d of\u00a0%d", same.Count, same.Total)
}

func proportion(p statistics.Proportion) cell {
	if p.Total == 0 {
		return cell{}
	}
	return cell{percent(p.Share()), interval(p)}
}

func perplexity(p evaluation.Perplexity) cell {
	if p.Value == 0 { // perplexity is at least 1
		return cell{}
	}
	value := fmt.Sprintf("%.3f", p.Value)
	if !(p.Value < 1e6) {
		value = significant(p.Value, 5)
	}
	return cell{value, "±\u00a0" + significant(p.Error, 2)}
}

// dense formats the dense head's value.
func dense(c cell) string {
	if c.Value == "" {
		return ""
	}
	return strings.TrimSpace("dense: " + c.Value + " " + c.Detail)
}

func distribution(of func(evaluation.Point) evaluation.Distribution) []measure {
	quantile := func(name string, q func(evaluation.Distribution) float64) measure {
		return measure{name, "", func(p evaluation.Point) cell { return cell{Value: number(q(of(p)))} }}
	}
	return []measure{
		{"mean", "", func(p evaluation.Point) cell {
			return cell{number(of(p).Mean), "±\u00a0" + significant(of(p).Error, 2)}
		}},
		quantile("median", func(d evaluation.Distribution) float64 { return d.Median }),
		quantile("90 % of positions below", func(d evaluation.Distribution) float64 { return d.P90 }),
		quantile("95 %", func(d evaluation.Distribution) float64 { return d.P95 }),
		quantile("99 %", func(d evaluation.Distribution) float64 { return d.P99 }),
		quantile("99.9 %", func(d evaluation.Distribution) float64 { return d.P999 }),
		quantile("largest", func(d evaluation.Distribution) float64 { return d.Max }),
	}
}

func greedy(of func(evaluation.Greedy) cell) func(evaluation.Point) cell {
	return func(p evaluation.Point) cell {
		if p.Greedy == nil || p.Greedy.Identical.Total == 0 {
			return cell{}
		}
		return of(*p.Greedy)
	}
}

func speed(of func(evaluation.Speed) cell) func(evaluation.Point) cell {
	return func(p evaluation.Point) cell {
		if p.Speed == nil {
			return cell{}
		}
		return of(*p.Speed)
	}
}

// relativeBytes returns the head's bytes per token relative to the dense head's; NaN if unknown.
func relativeBytes(r evaluation.Report, p evaluation.Point) float64 {
	if r.Model.HeadBytes <= 0 {
		return math.NaN()
	}
	return float64(p.HeadBytes) / float64(r.Model.HeadBytes)
}
