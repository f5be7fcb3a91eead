package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// measurement measures one model.
type measurement struct {
	*runner
	gathered llama.Gathered
	bytes    int64 // of its files
	probes   []uint32
	cost     flashhead.Cost

	done, runs int // runs of llama-bench, for the progress
	result     Result
}

var off = []string{"FLASHHEAD_ENABLED=0"}

func on(p uint32) []string {
	return []string{"FLASHHEAD_ENABLED=1", fmt.Sprintf("FLASHHEAD_PROBES=%d", p)}
}

func (m *measurement) run(ctx context.Context) error {
	if err := m.prepare(ctx); err != nil {
		return err
	}
	m.progress.Start("measuring " + m.result.Model.Name)
	m.runs = m.Rounds * len(m.Threads) * (1 + len(m.probes))
	if m.Load {
		m.runs += m.Rounds * len(loads)
	}
	if m.Answers {
		m.runs += m.Rounds * len(m.Threads) * numberOfHeads
	}
	for _, threads := range m.Threads {
		if err := m.speed(ctx, threads); err != nil {
			return err
		}
		if m.Answers {
			if err := m.answers(ctx, threads); err != nil {
				return err
			}
		}
	}
	if m.Load {
		if err := m.load(ctx); err != nil {
			return err
		}
	}
	m.progress.Done("measured " + m.result.Model.Name)
	return nil
}

// prepare decodes one token with each head. That brings the file into the page cache and shows that the runtime has
// FlashHead.
func (m *measurement) prepare(ctx context.Context) error {
	m.progress.Start("loading " + m.result.Model.Name)
	if free, ok := freeMemory(); ok && free < m.bytes {
		m.doubt("the file's %.1f GB do not fit in the %.1f GB of free memory, so this measures the disk",
			float64(m.bytes)/1e9, float64(free)/1e9)
	}
	for _, settings := range [][]string{on(m.probes[0]), off} {
		timing, err := m.bench(ctx, llama.BenchRun{Tokens: 1, Threads: slices.Max(m.Threads), Settings: settings})
		if err != nil {
			return err
		}
		m.report.Machine.System = timing.System
	}
	m.progress.Done("loaded " + m.result.Model.Name + ", the runtime has FlashHead")
	return nil
}

// bench runs llama-bench with the model.
func (m *measurement) bench(ctx context.Context, run llama.BenchRun) (llama.Timing, error) {
	run.Model, run.Settings = m.gathered.Path, slices.Concat(run.Settings, m.gathered.Settings)
	return m.programs.Bench(ctx, run)
}

// doubt adds a reason not to rely on the result.
func (m *measurement) doubt(format string, args ...any) {
	m.result.Doubts = append(m.result.Doubts, fmt.Sprintf(format, args...))
}

// speed measures with one number of threads. Each round runs every head once, in an order that alternates: a machine
// that slows down or speeds up then favours no head.
func (m *measurement) speed(ctx context.Context, threads int) error {
	heads := [][]string{off}
	for _, p := range m.probes {
		heads = append(heads, on(p))
	}
	decode, prompt := make([][]float64, len(heads)), make([][]float64, len(heads))
	var others []float64
	for round := range m.Rounds {
		for _, i := range inTurn(len(heads), round) {
			m.show(fmt.Sprintf("with %s, round %d of %d", threadsInWords(threads), round+1, m.Rounds))
			used := watch()
			timing, err := m.bench(ctx, llama.BenchRun{Prompt: m.Prompt, Tokens: m.Tokens, Threads: threads,
				Settings: heads[i]})
			if err != nil {
				return err
			}
			if n, ok := used(timing.CPU); ok {
				others = append(others, n)
			}
			decode[i], prompt[i] = append(decode[i], timing.Decode), append(prompt[i], timing.Prompt)
			m.done++
		}
	}
	for i, p := range m.probes {
		point := Point{Threads: threads, Probes: p, Decode: newPairs(decode[0], decode[i+1]), Ceiling: m.cost.Ceiling(p),
			FreeHead: m.cost.FreeHead()}
		point.OfCeiling = float64(point.Decode.SpeedUp) / point.Ceiling
		if m.Prompt > 0 {
			pairs := newPairs(prompt[0], prompt[i+1])
			point.Prompt = &pairs
		}
		m.result.Points = append(m.result.Points, point)
		m.doubtPoint(point)
	}
	m.doubtRuns(threads, decode[0], others)
	return nil
}

// busy is how many processors other programs may use before a measurement is in doubt. An idle desktop uses less.
const busy = 0.25

// watch returns a function that says how many processors other programs have used on average since this call. It takes
// the processor time that our own programs used, and returns false if the system does not count.
func watch() func(own time.Duration) (float64, bool) {
	begun := time.Now()
	before, known := processorTime()
	return func(own time.Duration) (float64, bool) {
		after, ok := processorTime()
		used := (after - before - own).Seconds() / time.Since(begun).Seconds()
		return max(0, used), known && ok
	}
}

// inTurn returns 0 to n-1, backwards in odd rounds.
func inTurn(n, round int) []int {
	var order []int
	for i := range n {
		order = append(order, i)
	}
	if round%2 == 1 {
		slices.Reverse(order)
	}
	return order
}

// doubtTolerance adds a doubt if the head computes as many tokens as a tolerance asks for.
func (m *measurement) doubtTolerance(tolerance float32) {
	if tolerance > 0 {
		m.doubt("llama-bench decodes random tokens, for which FlashHead computes more of this head than for text; " +
			"--answers times text")
	}
}

// doubtPoint adds a doubt if the interval of the speed-up contains 1.
func (m *measurement) doubtPoint(p Point) {
	if i := p.Decode.Interval; i != nil && i.Low <= 1 && 1 <= i.High {
		m.doubt("with %s and P = %d it is too noisy to tell whether FlashHead is faster: %.2f to %.2f times; "+
			"try more --rounds, or an idle machine", threadsInWords(p.Threads), p.Probes, i.Low, i.High)
	}
}

// doubtRuns adds a doubt if the dense runs vary much, and one if other programs were busy.
func (m *measurement) doubtRuns(threads int, dense, others []float64) {
	if statistics.Unstable(dense) {
		m.doubt("with %s the dense runs differ a lot, %.1f to %.1f tokens/s: something else keeps the processors busy; "+
			"try when the machine is idle", threadsInWords(threads), slices.Min(dense), slices.Max(dense))
	}
	if n := statistics.Median(others); n > busy { // NaN if others is empty
		m.doubt("with %s other programs used %.1f processors during the measurement; close them, or try later",
			threadsInWords(threads), n)
	}
}

func threadsInWords(n int) string {
	if n == 1 {
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", n)
}

func (m *measurement) show(what string) { m.progress.Set(float64(m.done)/float64(m.runs), what) }
