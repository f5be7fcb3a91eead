package convert

import (
	"fmt"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
)

// String formats the summary as lines of text.
func (s Summary) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	p, t := s.Parameters, s.Head.Tensor
	kind := "untied"
	if s.Head.Tied {
		kind = "tied"
	}
	line("head", "%s, %v, %d x %d, %s, %.0f %% of the bytes a token", t.Name, t.Type, t.Rows(), t.Columns(), kind,
		100*s.Cost.HeadShare())
	if p.ImportedFrom != "" {
		line("clusters", "%d of %s tokens, imported from %s, centroids %v", p.Clusters, p.Sizes(), p.ImportedFrom,
			p.CentroidType)
	} else {
		line("clusters", "%d of %d tokens, objective %.4f, centroids %v", p.Clusters, p.ClusterSize, p.Objective,
			p.CentroidType)
	}
	if p.Codes.There() {
		line("codes", "%d bits a token, %d bytes more for the best %d", p.Codes.CoarseBits, p.Codes.FineBytes, p.Codes.Near)
		line("exact", "%d tokens (P = %d), and %d pinned", p.Exact(), p.Probes, len(p.Pinned))
		line("tolerance", "%g nats: where estimates may cost more, more are read and scored", p.Codes.Tolerance)
		line("reads", "%s", s.Cost.Reads(p))
		line("memory", "%.1f %% of the head's bytes beside it", 100*s.Cost.MemoryShare())
	} else {
		line("probes", "%d, and %d tokens pinned", p.Probes, len(p.Pinned))
	}
	if c := p.Calibration; c != nil {
		line("calibrated", "%s", c.Origin())
		for _, kind := range c.Kinds {
			line("", "%-10s %v", kind.Name, kind)
		}
		if !c.Reached {
			line("note", "the target of %v was not reached", c.Targets)
		}
	}
	line("ceiling", "at most %.2fx as fast as dense, by bytes read", s.Cost.Ceiling(p.Probes))
	if s.Map {
		line("map", "%s, %d bytes", s.Output, s.Grown)
	} else {
		line("file", "%s, %d bytes larger", s.Output, s.Grown)
	}
	line("time", "%s", s.Took.Round(100*time.Millisecond))
	if s.Map {
		return b.String()
	}
	if s.Next == "" {
		s.Next = commandline.Self("create", "--from", s.Output)
	}
	line("next", "%s", s.Next)
	return b.String()
}
