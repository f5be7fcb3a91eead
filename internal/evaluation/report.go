// Package evaluation measures FlashHead's fidelity on a model and a text with the real runtime: the logits of
// llama-perplexity at every position of the text, and greedy continuations by llama-server.
package evaluation

import "github.com/fh-ollama/fh-ollama/internal/statistics"

// Report holds all results of an evaluation. Its JSON form is what `fh-ollama eval --json` prints.
type Report struct {
	Model    Model      `json:"model"`
	Runtime  Runtime    `json:"runtime"`
	Text     Text       `json:"text"`
	Dense    Perplexity `json:"dense"`
	Required Required   `json:"required_probes,omitzero"`
	Points   []Point    `json:"points"` // one for each P, ascending
	// Unknown says why the required P is not known; "" if it is.
	Unknown    string   `json:"unknown,omitempty"`
	Generation []Prompt `json:"generation,omitempty"`
	Checked    *Checked `json:"checked,omitempty"` // nil if the runtime does not check tokens
	Seconds    float64  `json:"seconds"`           // the evaluation took
}

// Model is the converted file.
type Model struct {
	File         string `json:"file"` // base name
	Name         string `json:"name,omitempty"`
	Architecture string `json:"architecture"`
	Head         string `json:"head"`      // name of its tensor
	HeadType     string `json:"head_type"` // ggml's name
	Vocabulary   int64  `json:"vocabulary"`
	Hidden       int64  `json:"hidden"`
	Clusters     uint32 `json:"clusters"`
	Probes       uint32 `json:"probes"` // the file's own P
	Pinned       int    `json:"pinned_tokens"`
	CentroidType string `json:"centroid_type"`
	CoarseBits   int    `json:"coarse_bits,omitempty"` // of a token's coarse code; 0: no codes
	FineBytes    int    `json:"fine_bytes,omitempty"`
	HeadBytes    int64  `json:"head_bytes"` // read for a token by the dense head
}

// Runtime describes the runtime.
type Runtime struct {
	Version     string  `json:"version"` // of fh-ollama
	Folder      string  `json:"folder"`
	Threads     int     `json:"threads"`
	Mode        string  `json:"mode"`        // how clusters are chosen: top or sample
	Temperature float64 `json:"temperature"` // of the draw, mode sample only
	Seed        uint32  `json:"seed"`        // of the draw, mode sample only
}

// Text is the evaluated text. As in llama-perplexity, the second half of each chunk is scored.
type Text struct {
	Name      string `json:"name"` // base name, or BuiltIn
	SHA256    string `json:"sha256"`
	Context   int    `json:"context"` // tokens a chunk
	Chunks    int    `json:"chunks"`
	Positions int    `json:"positions"` // scored
}

// Perplexity as llama-perplexity prints it, with its standard error.
type Perplexity struct {
	Value float64 `json:"value"`
	Error float64 `json:"error"`
}

// Required is the distribution, over positions, of the smallest P at which the dense head's best token is scored
// exactly; 0 for a pinned token.
type Required struct {
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	P95    float64 `json:"p95"`
	P99    float64 `json:"p99"`
	P999   float64 `json:"p99_9"`
	Max    float64 `json:"max"`
}

// Point is FlashHead with one P against the dense head on the same text. Shares are of positions, 0 to 1.
type Point struct {
	Probes     int        `json:"probes"`
	HeadBytes  int64      `json:"head_bytes"` // read for a token
	Perplexity Perplexity `json:"perplexity"`

	// Kullback-Leibler divergence of FlashHead's distribution from the dense one, in nats, at temperature 1 and, in
	// CoolKLD, at Ollama's default temperature 0.8; nothing truncated.
	KLD     Distribution `json:"kld"`
	CoolKLD Distribution `json:"kld_temperature_0_8"`

	SameTop statistics.Proportion `json:"same_top"`                 // same best token; llama-perplexity's "Same top p"
	Top1    statistics.Proportion `json:"top_1_contained,omitzero"` // share of the dense head's best token that is exact
	Top5    statistics.Proportion `json:"top_5_contained"`          // the same of its best 5
	Top40   statistics.Proportion `json:"top_40_contained"`         // and of its best 40
	Mass    float64               `json:"mass_covered"`             // mean probability of the exactly scored tokens

	// How often Ollama's default sampler draws the same token from both with the same random number. It draws from the
	// best 40 tokens, of these the fewest that have 0.9 of their probability, at temperature 0.8. Source:
	// api.DefaultOptions of Ollama 0.34.2 and the order of samplers of its llama-server, top_k, top_p, temperature.
	SameDraw float64 `json:"same_draw"`
	Kinds    []Kind  `json:"kinds,omitempty"` // of the built-in text
	Greedy   *Greedy `json:"greedy,omitempty"`
	Speed    *Speed  `json:"speed,omitempty"`
}

// Kind is a kind of text.
type Kind struct {
	Name     string                `json:"name"`
	SameTop  statistics.Proportion `json:"same_top"`
	SameDraw float64               `json:"same_draw"`
	KLD      float64               `json:"kld"` // mean, nats
	KLDError float64               `json:"kld_error"`
}

// Distribution describes a quantity over positions.
type Distribution struct {
	Mean   float64 `json:"mean"`
	Error  float64 `json:"error"` // standard error of the mean
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	P95    float64 `json:"p95"`
	P99    float64 `json:"p99"`
	P999   float64 `json:"p99_9"`
	Max    float64 `json:"max"`
}

// Greedy summarises the greedy continuations with one P.
type Greedy struct {
	Identical statistics.Proportion `json:"identical"` // continuations that equal the dense ones
	Agreed    float64               `json:"agreed"`    // mean share of a continuation before its first divergence
}

// Speed compares decoding with one P and dense, in turn on the same prompts.
type Speed struct {
	Dense float64 `json:"dense"` // tokens/s, median over prompts
	Flash float64 `json:"flash"` // tokens/s, median over prompts
	Ratio float64 `json:"ratio"` // median of the pairs' ratios
	Low   float64 `json:"low"`   // lowest pair
	High  float64 `json:"high"`  // highest pair
}

// Checked summarises the greedy continuations where the dense head checks every token, with the model's own P.
type Checked struct {
	Greedy *Greedy `json:"greedy"`
	Speed  *Speed  `json:"speed,omitempty"`
}

// Prompt is one of the built-in prompts and its greedy continuations.
type Prompt struct {
	Kind   string  `json:"kind"` // prose, code, JSON, …
	Text   string  `json:"text"`
	Tokens int     `json:"tokens"` // of the dense continuation
	Dense  string  `json:"dense"`  // the dense continuation
	Runs   []Trial `json:"runs"`   // one for each P
	// With checks of tokens.
	Checked *Trial `json:"checked,omitempty"`
}

// Trial is one continuation.
type Trial struct {
	Probes     int     `json:"probes"`
	Divergence int     `json:"divergence"` // index of the first token that differs; -1 if none does
	Text       string  `json:"text"`
	Speed      float64 `json:"speed"` // tokens/s
	DenseSpeed float64 `json:"dense_speed"`
}
