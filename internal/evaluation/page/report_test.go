package page

import (
	"math"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// measured returns a report like that of a small model, with these P's.
func measured(probes ...int) evaluation.Report {
	r := evaluation.Report{
		Model: evaluation.Model{
			File: "demo.gguf", Name: "Demo 12M", Architecture: "llama", Head: "output.weight", HeadType: "q8_0",
			Vocabulary: 32000, Hidden: 256, Clusters: 2000, Probes: 250, Pinned: 4, CentroidType: "q4_0", HeadBytes: 8704000,
		},
		Runtime:  evaluation.Runtime{Folder: "dist/lib/ollama", Threads: 2, Mode: "top"},
		Text:     evaluation.Text{Name: "heldout.txt", SHA256: "3b1f5d0a", Context: 256, Chunks: 40, Positions: 5120},
		Dense:    evaluation.Perplexity{Value: 104.32, Error: 1.21},
		Required: evaluation.Required{Median: 1, P90: 16, P95: 43, P99: 144, P999: 1897, Max: 1999},
		Seconds:  83.2,
	}
	for _, p := range probes {
		r.Points = append(r.Points, point(p, 5120))
	}
	for i, kind := range []string{"prose", "code"} {
		prompt := evaluation.Prompt{Kind: kind, Text: "We, the people,", Tokens: 64,
			Dense: "and we are in the world. I have a great deal of our children, and I shall not be able to do so."}
		for _, p := range probes {
			t := evaluation.Trial{Probes: p, Divergence: -1, Text: prompt.Dense, Speed: 1600, DenseSpeed: 1000}
			if p < 100*(i+1) {
				t.Divergence, t.Text = 9+i, "and we are in the world. I have a good many children, and that is all."
			}
			prompt.Runs = append(prompt.Runs, t)
		}
		r.Generation = append(r.Generation, prompt)
	}
	return r
}

// point returns a point. Shares grow and the divergence falls with P.
func point(p, positions int) evaluation.Point {
	x := float64(p)
	miss := 0.89 / (x + 4)
	ratio := 2.5 / (1 + x/1000)
	of := func(share float64, total int) statistics.Proportion {
		return statistics.Proportion{Count: int(math.Round(share * float64(total))), Total: total}
	}
	spread := func(mean float64) evaluation.Distribution {
		return evaluation.Distribution{Mean: mean, Error: mean / 30, Median: mean / 4, P90: mean * 3, P95: mean * 4,
			P99: mean * 7, P999: mean * 15, Max: mean * 21}
	}
	return evaluation.Point{
		Probes: p, HeadBytes: 288000 + int64(p)*16*272, Perplexity: evaluation.Perplexity{Value: 104.32 + 300/x, Error: 1.23},
		KLD: spread(11 / math.Pow(x, 0.88)), CoolKLD: spread(7 / math.Pow(x, 0.9)),
		SameTop: of(1-miss, positions), Top1: of(1-miss*0.9, positions), Top5: of(1-2*miss,
			5*positions), Top40: of(1-3.4*miss, 40*positions),
		Mass:     1 - 2.5*miss,
		SameDraw: 1 - 1.8*miss,
		Kinds: []evaluation.Kind{
			{Name: "code", SameTop: of(1-miss, positions/2), SameDraw: 1 - 1.5*miss, KLD: 9 / x, KLDError: 0.3 / x},
			{Name: "languages", SameTop: of(1-2*miss, positions/2), SameDraw: 1 - 2.1*miss, KLD: 13 / x, KLDError: 0.4 / x},
		},
		Greedy: &evaluation.Greedy{Identical: of(1-math.Min(0.9, 40/x), 12), Agreed: 1 - math.Min(0.8, 25/x)},
		Speed:  &evaluation.Speed{Dense: 1040, Flash: 1040 * ratio, Ratio: ratio, Low: 0.8 * ratio, High: 1.1 * ratio},
	}
}
