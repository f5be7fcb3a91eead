package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// loads are the ways to load a model. The last two are the same in the plug-in, which keeps no copy of the head.
var loads = []struct {
	head     string
	settings []string
}{
	{"dense", off},
	{"FlashHead", []string{"FLASHHEAD_ENABLED=1", "FLASHHEAD_REORDER=1"}},
	{"FlashHead, FLASHHEAD_REORDER=0", []string{"FLASHHEAD_ENABLED=1", "FLASHHEAD_REORDER=0"}},
}

// load measures the time to the first token and the peak memory, with the most threads.
func (m *measurement) load(ctx context.Context) error {
	seconds, memory := make([][]float64, len(loads)), make([][]float64, len(loads))
	for round := range m.Rounds {
		for _, i := range inTurn(len(loads), round) {
			m.show(fmt.Sprintf("loading, round %d of %d", round+1, m.Rounds))
			timing, err := m.bench(ctx, llama.BenchRun{Tokens: 1, Threads: slices.Max(m.Threads), Cold: true,
				Settings: loads[i].settings})
			if err != nil {
				return err
			}
			seconds[i], memory[i] = append(seconds[i], timing.LoadTime.Seconds()), append(memory[i], float64(timing.Peak))
			m.done++
		}
	}
	for i, way := range loads {
		ratios := statistics.Ratios(seconds[i], seconds[0])
		m.result.Load = append(m.result.Load, Load{Head: way.head, Runs: seconds[i], Seconds: statistics.Median(seconds[i]),
			Ratio: statistics.Number(statistics.Median(ratios)), Memory: int64(statistics.Median(memory[i]))})
	}
	return nil
}
