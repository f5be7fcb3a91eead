package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/evaluation"
)

// view is the input of the template: text, with all numbers formatted.
type view struct {
	Style    template.CSS
	File     string
	Lead     string
	Tiles    []tile
	Figures  []figure
	Required []fact
	Unknown  string // why there is no Required
	Probes   []head // columns of Numbers, and of the matrix of continuations
	Numbers  []row
	Prompts  []prompt
	Command  string
	Sources  []fact
}

// tile is one number of the summary.
type tile struct{ Value, Name string }

type fact struct{ Name, Value string }

func newView(r evaluation.Report) view {
	v := view{
		Style: template.CSS(style), File: visible(r.Model.File), Figures: figures(r),
		Unknown: visible(r.Unknown), Probes: heads(r), Numbers: table(r.Points), Prompts: prompts(r), Command: command(r), Sources: sources(r),
	}
	if r.Unknown == "" {
		v.Required = required(r.Required)
	}
	if len(r.Points) > 0 {
		v.Lead, v.Tiles = summary(r)
	}
	return v
}

// summary describes the results with the file's own P, or with the largest one if its own was not measured.
func summary(r evaluation.Report) (lead string, tiles []tile) {
	i := slices.IndexFunc(r.Points, func(p evaluation.Point) bool { return p.Probes == int(r.Model.Probes) })
	who := fmt.Sprintf("At its own P of %d", r.Model.Probes)
	if i < 0 {
		i = len(r.Points) - 1
		who = fmt.Sprintf("With P = %d (its own, %d, was not measured)", r.Points[i].Probes, r.Model.Probes)
	}
	p := r.Points[i]
	lead = fmt.Sprintf("%s, reading %d of %d clusters", who, p.Probes, r.Model.Clusters)
	if t := p.SameTop; t.Total > 0 {
		lead += fmt.Sprintf(", the model has the same best token as its dense head at %s of %d positions "+
			"(95\u00a0%% confidence: %s)", percent(t.Share()), t.Total, interval(t))
		tiles = append(tiles, tile{percent(t.Share()), "same best token"})
	}
	lead += "."
	if !math.IsNaN(p.KLD.Mean) {
		tiles = append(tiles, tile{number(p.KLD.Mean), "mean KLD, nats"})
	}
	if g := p.Greedy; g != nil && g.Identical.Total > 0 {
		tiles = append(tiles, tile{fmt.Sprintf("%d of %d", g.Identical.Count, g.Identical.Total),
			"greedy continuations identical"})
	}
	if s := p.Speed; s != nil {
		tiles = append(tiles, tile{times(s.Ratio), "as fast as dense"})
	}
	if share := relativeBytes(r, p); !math.IsNaN(share) {
		tiles = append(tiles, tile{percent(share), "of the head's bytes read"})
	}
	return lead, tiles
}

// required lists the clusters that the dense head's best token needs, for growing shares of the positions.
func required(q evaluation.Required) []fact {
	p := func(v float64) string { return strconv.FormatFloat(math.Ceil(v), 'f', -1, 64) }
	return []fact{
		{"50 % of positions", p(q.Median)}, {"90 %", p(q.P90)}, {"95 %", p(q.P95)}, {"99 %", p(q.P99)}, {"99.9 %", p(q.P999)},
		{"all", p(q.Max)},
	}
}

// command returns the command that repeats the measurement.
func command(r evaluation.Report) string {
	words := []string{"fh-ollama", "eval", r.Model.File}
	option := func(name string, value any) { words = append(words, name, fmt.Sprint(value)) }
	if r.Text.Name != evaluation.BuiltIn {
		option("--text", r.Text.Name)
	}
	var probes []string
	for _, p := range r.Points {
		probes = append(probes, fmt.Sprint(p.Probes))
	}
	option("--probes", strings.Join(probes, ","))
	option("--chunks", r.Text.Chunks)
	option("--ctx", r.Text.Context)
	option("--predict", predicted(r))
	if r.Runtime.Mode == "sample" {
		option("--mode", "sample")
		option("--temperature", r.Runtime.Temperature)
		option("--seed", r.Runtime.Seed)
	}
	option("--threads", r.Runtime.Threads)
	for i, w := range words {
		words[i] = commandline.Quote(visible(w))
	}
	return strings.Join(words, " ")
}

// predicted returns the requested length of the continuations: the longest one, because hardly all end early.
func predicted(r evaluation.Report) int {
	most := 0
	for _, g := range r.Generation {
		most = max(most, g.Tokens)
	}
	return most
}
