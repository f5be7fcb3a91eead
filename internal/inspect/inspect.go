// Package inspect reports what FlashHead can gain, or gains, in one GGUF file.
package inspect

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// Report describes a file.
type Report struct {
	File         string      `json:"file"`
	Name         string      `json:"name,omitempty"` // name in Ollama, "" for a file
	Architecture string      `json:"architecture"`
	Head         Head        `json:"head"`
	BodyBytes    int64       `json:"body_bytes_per_token"`
	ReadShare    float64     `json:"read_share_of_head"` // that FlashHead reads for a token
	reads        string      // the same in words
	MemoryShare  float64     `json:"memory_share_of_head"` // what it takes beside the head
	Obstacle     string      `json:"obstacle,omitempty"`   // why the head always runs dense
	Converted    bool        `json:"converted"`            // FlashHead keys are in the file or in its map
	Map          string      `json:"map,omitempty"`        // path of its map file, if the keys are in that
	Sound        bool        `json:"sound"`                // converted, and the runtime will use FlashHead
	Problems     []string    `json:"problems,omitempty"`   // why the runtime will not
	Parameters   *Parameters `json:"parameters,omitempty"`
	Clusters     uint32      `json:"clusters"` // K of Expected: the file's, else the default
	Expected     []Ceiling   `json:"expected"` // first at the file's or the default P
	FreeHead     float64     `json:"free_head_ceiling"`
	WorthIt      bool        `json:"worth_it"`
}

// Head describes the output head.
type Head struct {
	Tensor  string  `json:"tensor"`
	Type    string  `json:"type"`
	Rows    int64   `json:"rows"`
	Columns int64   `json:"columns"`
	Tied    bool    `json:"tied"`
	Bias    bool    `json:"bias"` // the model adds one to the logits
	Bytes   int64   `json:"bytes"`
	Share   float64 `json:"share_of_bytes_per_token"` // 0..1, dense
}

// Parameters are the FlashHead keys of a sound file.
type Parameters struct {
	Probes       uint32  `json:"probes"`
	Pinned       int     `json:"pinned_tokens"`
	CentroidType string  `json:"centroid_type"`
	LeastTokens  int     `json:"smallest_cluster"`
	MostTokens   int     `json:"largest_cluster"`
	CoarseBits   int     `json:"coarse_bits,omitempty"`
	FineBytes    int     `json:"fine_bytes,omitempty"`
	NearTokens   int     `json:"near_tokens,omitempty"`  // at least, as ExactTokens
	Tolerance    float32 `json:"tolerance,omitempty"`    // of the divergence of a row, nats
	ExactTokens  int64   `json:"exact_tokens,omitempty"` // of a head with codes
	ImportedFrom string  `json:"imported_from,omitempty"`
	*Clustering          // nil for an imported map

	Calibration *flashhead.Calibration `json:"calibration,omitempty"` // nil for none

	ToolVersion  string `json:"tool_version"`
	SourceSHA256 string `json:"source_sha256"`

	sizes string // cluster sizes, for the text
}

// Clustering is how the map was made.
type Clustering struct {
	ClusterSize uint32            `json:"cluster_size"`
	Seed        uint32            `json:"seed"`
	Iterations  uint32            `json:"iterations"`
	Objective   statistics.Number `json:"objective"` // of the file, whatever it is
}

// Ceiling is the largest possible speed-up with Probes clusters.
type Ceiling struct {
	Probes uint32  `json:"probes"`
	Ratio  float64 `json:"ceiling"` // bytes read for a token, dense / FlashHead
}

// File inspects the model in the file at the path, or in several files, the first of them first. The report includes
// damaged FlashHead keys. An error means that the file has no head to report on, and carries a hint.
func File(paths ...string) (Report, error) {
	m, err := mapfile.Open(paths...)
	if err != nil {
		return Report{}, err
	}
	defer m.Close()
	arch, _ := m.Str("general.architecture")
	r := Report{File: m.Path(), Architecture: arch, Converted: m.Converted, Map: m.Map}
	if m.Obstacle != nil {
		r.Obstacle = m.Obstacle.Error()
	}
	params := flashhead.Default(m.Head)
	switch {
	case m.Damage != nil:
		r.Problems = m.Damage.Problems
	case m.Converted:
		params, r.Sound = m.Parameters, m.Obstacle == nil
		r.Parameters = parameters(params)
	}
	cost := flashhead.NewCost(m.File, m.Head, params)
	t := m.Head.Tensor
	r.Head = Head{
		Tensor: t.Name, Type: t.Type.String(), Rows: t.Rows(), Columns: t.Columns(), Tied: m.Head.Tied, Bias: m.Head.Bias,
		Bytes: t.Bytes, Share: cost.HeadShare(),
	}
	r.BodyBytes, r.Clusters, r.FreeHead = cost.Body, params.Clusters, cost.FreeHead()
	r.ReadShare, r.MemoryShare = cost.ReadShare(params.Probes), cost.MemoryShare()
	r.reads = cost.Reads(params)
	r.Expected = []Ceiling{{params.Probes, cost.Ceiling(params.Probes)}}
	if p := min(256, params.Clusters); p != params.Probes && !params.Codes.There() { // the paper's P
		r.Expected = append(r.Expected, Ceiling{p, cost.Ceiling(p)})
	}
	r.WorthIt = r.Obstacle == "" && r.Expected[0].Ratio >= flashhead.WorthIt
	return r, nil
}

func parameters(p flashhead.Parameters) *Parameters {
	out := &Parameters{
		Probes: p.Probes, Pinned: len(p.Pinned), CentroidType: p.CentroidType.String(), CoarseBits: p.Codes.CoarseBits,
		FineBytes: p.Codes.FineBytes, NearTokens: p.Codes.Near, Tolerance: p.Codes.Tolerance, Calibration: p.Calibration,
		ImportedFrom: p.ImportedFrom, ToolVersion: p.ToolVersion, SourceSHA256: p.SourceSHA256,
	}
	if p.Codes.There() {
		out.ExactTokens = p.Exact()
	}
	out.LeastTokens, out.MostTokens = p.ClusterSizes()
	out.sizes = p.Sizes()
	if p.ImportedFrom == "" {
		out.sizes = fmt.Sprint(p.ClusterSize)
		objective, _ := strconv.ParseFloat(fmt.Sprint(p.Objective), 64) // with the few digits of a float32
		out.Clustering = &Clustering{ClusterSize: p.ClusterSize, Seed: p.Seed, Iterations: p.Iterations,
			Objective: statistics.Number(objective)}
	}
	return out
}

// String returns the report as lines of text.
func (r Report) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ") // the file's text may hold any character
		fmt.Fprintf(&b, "%-11s %s\n", name, commandline.Printable(text))
	}
	if r.Name != "" {
		line("model", "%s", r.Name)
	}
	line("file", "%s, %s", r.File, r.Architecture)
	kind := "untied"
	if r.Head.Tied {
		kind = "tied to the token embedding"
	}
	if r.Head.Bias {
		kind += ", with a bias"
	}
	line("head", "%s, %s, %d x %d, %s", r.Head.Tensor, r.Head.Type, r.Head.Rows, r.Head.Columns, kind)
	line("bytes", "%.1f MB of %.1f MB a token are the head's: %.0f %%",
		float64(r.Head.Bytes)/1e6, float64(r.Head.Bytes+r.BodyBytes)/1e6, 100*r.Head.Share)
	if r.Map != "" {
		line("map", "%s", r.Map)
	}
	switch {
	case r.Sound:
		p := r.Parameters
		line("flashhead", "%d clusters of %s, %d probes, %d pinned tokens, %s centroids", r.Clusters, p.sizes, p.Probes,
			p.Pinned, p.CentroidType)
		if p.CoarseBits > 0 {
			line("codes", "%d bits a token, %d bytes more for the best %d, of which the best %d are scored exactly",
				p.CoarseBits, p.FineBytes, p.NearTokens, p.ExactTokens)
			if p.Tolerance > 0 {
				line("tolerance", "%g nats: where estimates may cost more, more are read and scored", p.Tolerance)
			}
		}
		if c := p.Calibration; c != nil {
			line("calibrated", "%s: %v", c.Origin(), c.Overall())
			if worst, ok := c.Worst(); ok {
				line("worst kind", "%s: %v", worst.Name, worst)
			}
			if !c.Reached {
				line("note", "the target of %v was not reached", c.Targets)
			}
		}
		line("made by", "version %s, %s", p.ToolVersion, p.origin())
	case r.Converted && r.Obstacle != "":
		line("flashhead", "in the file, but of no use: every runtime will run it dense")
	case r.Converted:
		what := "damaged"
		if r.Map != "" {
			what = "the map does not fit"
		}
		line("flashhead", "%s, every runtime will run this file dense:", what)
		for _, problem := range r.Problems {
			line("", "%s", problem)
		}
	default:
		line("flashhead", "not in the file")
	}
	if r.Obstacle != "" {
		line("verdict", "%s", r.verdict())
		return b.String()
	}
	line("reads", "%s", r.reads)
	if r.Parameters == nil || r.Parameters.CoarseBits > 0 { // a plain head's rows may be there twice
		line("memory", "%.1f %% of the head's bytes beside it", 100*r.MemoryShare)
	}
	for _, c := range r.Expected {
		line("expected", "at most %.2fx with %d of %d clusters probed", c.Ratio, c.Probes, r.Clusters)
	}
	line("limit", "%.2fx if the head cost nothing", r.FreeHead)
	line("verdict", "%s", r.verdict())
	return b.String()
}

func (p Parameters) origin() string {
	if p.Clustering != nil {
		return fmt.Sprintf("seed %d, %d iterations, objective %.4f", p.Seed, p.Iterations, p.Objective)
	}
	return "imported from " + p.ImportedFrom
}

func (r Report) verdict() string {
	switch {
	case r.Obstacle != "":
		return r.Obstacle
	case r.Map != "" && !r.Sound:
		return "make the map again: " + commandline.Self("on", cmp.Or(r.Name, r.File))
	case r.Converted && !r.Sound:
		return "damaged: convert it again with " + commandline.Self("convert", "--force", cmp.Or(r.Name, r.File))
	case !r.WorthIt:
		return "not worth it: the head is too small a part of what this model reads"
	case r.Sound && r.Map != "":
		return "worth it, and on"
	case r.Sound:
		return "worth it, and converted"
	}
	return "worth it: " + commandline.Self("on", cmp.Or(r.Name, r.File))
}
