package bench

import (
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/chart"
)

// picture returns an SVG document with one group of bars for each model.
func (r Report) picture() string {
	c := chart.Bars{
		Title: "Decoding speed with and without FlashHead",
		Notes: []string{
			r.Machine.String(),
			r.Method.String(),
		},
		Series: []string{"dense head", "FlashHead"},
		Bar:    "95 % interval of the speed-up",
		Mark:   "ceiling, by bytes read",
	}
	if slices.ContainsFunc(r.Results, func(result Result) bool { return len(result.Doubts) > 0 }) {
		c.Notes = append(c.Notes, "Some of these speeds are doubtful: runs differed a lot, or the machine was busy.")
	}
	for _, result := range r.Results {
		g := chart.BarGroup{Name: result.Model.Name}
		threads := 0
		for _, p := range result.Points {
			if p.Threads != threads {
				threads = p.Threads
				g.Bars = append(g.Bars, chart.Bar{Heading: threadsInWords(threads), Label: "dense", Value: p.Decode.Dense,
					Text: speed(p.Decode.Dense) + " tokens/s"})
			}
			bar := chart.Bar{Label: fmt.Sprintf("P = %d", p.Probes), Series: 1, Value: p.Decode.FlashHead,
				Mark: p.Ceiling * p.Decode.Dense,
				Text: fmt.Sprintf("%s tokens/s, %.2f\u00a0×", speed(p.Decode.FlashHead), p.Decode.SpeedUp)}
			if i := p.Decode.Interval; i != nil {
				bar.Low, bar.High = float64(i.Low)*p.Decode.Dense, float64(i.High)*p.Decode.Dense
			}
			g.Bars = append(g.Bars, bar)
		}
		c.Groups = append(c.Groups, g)
	}
	return c.SVG()
}
