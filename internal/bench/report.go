package bench

import (
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// Report holds all results. `fh-ollama bench --json` prints its JSON form.
type Report struct {
	Machine Machine  `json:"machine"`
	Method  Method   `json:"method"`
	Results []Result `json:"results"` // one for each model
}

// Machine is the machine and the runtime.
type Machine struct {
	llama.System
	Processors int    `json:"processors"`
	Folder     string `json:"folder"`  // of llama-bench
	Version    string `json:"version"` // of fh-ollama
}

// Method is how the speeds were measured.
type Method struct {
	Rounds int `json:"rounds"` // runs with each head, in turn
	Tokens int `json:"tokens"` // decoded in each
	Prompt int `json:"prompt,omitempty"`
}

// Result holds the measurements of one model.
type Result struct {
	Model   Model     `json:"model"`
	Points  []Point   `json:"points"` // for each number of threads, one for each P
	Answers []Answers `json:"answers,omitempty"`
	Load    []Load    `json:"load,omitempty"`
	Doubts  []string  `json:"doubts,omitempty"` // reasons not to rely on a figure
}

// Model is a converted file.
type Model struct {
	Name         string `json:"name"` // file name, or name in Ollama
	Synthetic    bool   `json:"synthetic"`
	Architecture string `json:"architecture"`
	Head         string `json:"head"`      // name of the tensor
	HeadType     string `json:"head_type"` // ggml's name
	Vocabulary   int64  `json:"vocabulary"`
	Hidden       int64  `json:"hidden"`
	Clusters     uint32 `json:"clusters"`
	Probes       uint32 `json:"probes"` // the file's own P
	CentroidType string `json:"centroid_type"`
	CoarseBits   int    `json:"coarse_bits,omitempty"` // of a token's coarse code; 0: no codes
	BodyBytes    int64  `json:"body_bytes"`            // read for a token, without the head
	HeadBytes    int64  `json:"head_bytes"`            // read for a token by the dense head
}

// Point compares FlashHead at one P with the dense head, at one number of threads.
type Point struct {
	Threads int    `json:"threads"`
	Probes  uint32 `json:"probes"`
	Decode  Pairs  `json:"decode"`
	Prompt  *Pairs `json:"prompt,omitempty"`

	Ceiling   float64 `json:"ceiling"`    // bytes read for a token, dense / FlashHead
	OfCeiling float64 `json:"of_ceiling"` // speed-up / ceiling; noise and caches can lift it over 1
	FreeHead  float64 `json:"free_head"`  // the ceiling if the head cost nothing
}

// Answers compares answers of llama-server at the first P with the dense head's, at one number of threads.
type Answers struct {
	Threads   int    `json:"threads"`
	Sampling  string `json:"sampling"`          // "greedy", or "drawn" as Ollama does by default
	Checked   *Pairs `json:"checked,omitempty"` // the dense head checks every token; nil if the runtime does not
	Unchecked Pairs  `json:"unchecked"`         // FlashHead's own tokens
}

// Pairs holds speeds in tokens/s, measured in turn.
type Pairs struct {
	DenseRuns     []float64 `json:"dense_runs"` // one for each round
	FlashHeadRuns []float64 `json:"flash_runs"`
	Dense         float64   `json:"dense"` // median
	FlashHead     float64   `json:"flash"` // median
	// SpeedUp is the median of the rounds' ratios; not finite if answers are too short to be timed.
	SpeedUp statistics.Number `json:"speed_up"`
	// Interval covers the median ratio with at least 95 % confidence. It is nil if there are too few rounds.
	Interval *Interval `json:"speed_up_95,omitempty"`
}

// Interval is a confidence interval.
type Interval struct {
	Low  statistics.Number `json:"low"`
	High statistics.Number `json:"high"`
}

func newPairs(dense, flash []float64) Pairs {
	p := Pairs{
		DenseRuns: dense, FlashHeadRuns: flash, Dense: statistics.Median(dense), FlashHead: statistics.Median(flash),
	}
	ratios := statistics.Ratios(flash, dense)
	p.SpeedUp = statistics.Number(statistics.Median(ratios))
	if low, high, ok := statistics.MedianInterval(ratios); ok {
		p.Interval = &Interval{statistics.Number(low), statistics.Number(high)}
	}
	return p
}

// Load is what loading costs with one kind of head.
type Load struct {
	Head    string    `json:"head"`
	Runs    []float64 `json:"runs"`    // seconds from the start of loading to the first token
	Seconds float64   `json:"seconds"` // their median
	// Ratio is the median of the rounds' ratios to dense; not finite if the runtime does not print the times.
	Ratio  statistics.Number `json:"ratio"`
	Memory int64             `json:"memory"` // median of the peak resident bytes, with the mapped file; 0: unknown
}
