package bench

import (
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// Report is everything that was measured. Its JSON form is what `fh-ollama bench --json` prints.
type Report struct {
	Machine Machine  `json:"machine"`
	Method  Method   `json:"method"`
	Results []Result `json:"results"` // one for each model
}

// Machine says where it was measured, and with what.
type Machine struct {
	llama.System
	Processors int    `json:"processors"`
	Folder     string `json:"folder"`  // of llama-bench
	Version    string `json:"version"` // of fh-ollama
}

// Method says how it was measured.
type Method struct {
	Rounds int `json:"rounds"` // runs with each head, in turn
	Tokens int `json:"tokens"` // decoded in each
	Prompt int `json:"prompt,omitempty"`
}

// Result is what was measured with one model.
type Result struct {
	Model  Model   `json:"model"`
	Points []Point `json:"points"` // for each number of threads, one for each P
	Load   []Load  `json:"load,omitempty"`
	// Doubts are reasons, in words, not to rely on a figure.
	Doubts []string `json:"doubts,omitempty"`
}

// Model is a converted file.
type Model struct {
	Name         string `json:"name"` // of the file, or as the user named it
	Synthetic    bool   `json:"synthetic"`
	Architecture string `json:"architecture"`
	Head         string `json:"head"`      // name of its tensor
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

// Point is FlashHead with one P against the dense head, with one number of threads.
type Point struct {
	Threads int    `json:"threads"`
	Probes  uint32 `json:"probes"`
	Decode  Pairs  `json:"decode"`
	Prompt  *Pairs `json:"prompt,omitempty"`

	Ceiling   float64 `json:"ceiling"`    // bytes a token, dense over FlashHead
	OfCeiling float64 `json:"of_ceiling"` // the speed-up's share of it, 0..1 and, by noise and caches, more
	FreeHead  float64 `json:"free_head"`  // what the ceiling would be if the head cost nothing
}

// Pairs are speeds in tokens/s, measured in turn.
type Pairs struct {
	DenseRuns     []float64 `json:"dense_runs"` // in the order of the rounds
	FlashHeadRuns []float64 `json:"flash_runs"` // of the same rounds
	Dense         float64   `json:"dense"`      // median
	FlashHead     float64   `json:"flash"`      // median
	SpeedUp       float64   `json:"speed_up"`   // median of the rounds' ratios
	// Interval covers the median ratio with at least 95 % confidence; nil where there are too few rounds for that.
	Interval *Interval `json:"speed_up_95,omitempty"`
}

// Interval is a range of values.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// newPairs sums up runs of the same rounds.
func newPairs(dense, flash []float64) Pairs {
	p := Pairs{
		DenseRuns: dense, FlashHeadRuns: flash, Dense: statistics.Median(dense), FlashHead: statistics.Median(flash),
	}
	ratios := statistics.Ratios(flash, dense)
	p.SpeedUp = statistics.Median(ratios)
	if low, high, ok := statistics.MedianInterval(ratios); ok {
		p.Interval = &Interval{low, high}
	}
	return p
}

// Load is what loading takes with one way to run the head.
type Load struct {
	Head    string    `json:"head"`
	Runs    []float64 `json:"runs"`    // seconds from the start of loading to the first token
	Seconds float64   `json:"seconds"` // their median
	Ratio   float64   `json:"ratio"`   // median of the rounds' ratios to dense
	Memory  int64     `json:"memory"`  // peak resident bytes, mapped file included, median; 0: unknown
}
