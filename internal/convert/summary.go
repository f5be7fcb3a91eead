package convert

import (
	"fmt"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
)

// String is the report for people, several lines.
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
	line("probes", "%d, and %d tokens pinned", p.Probes, len(p.Pinned))
	if p.Codes.There() {
		line("codes", "%d bits, then %d bytes for %d tokens", p.Codes.CoarseBits, p.Codes.FineBytes, p.Codes.Near)
		line("memory", "%.1f %% of the head more; %.1f %% of its bytes are read", 100*float64(s.Cost.Memory)/float64(t.Bytes),
			100*s.Cost.Probed(p.Probes)/float64(t.Bytes))
	}
	if c := p.Calibration; c != nil {
		line("agreement", "%s", c.Share())
		line("calibrated", "%s", c.Origin())
		for _, kind := range c.Kinds {
			line("", "%-10s same top %6.2f %%, KLD %.4f", kind.Name, 100*kind.SameTop, kind.KLD)
		}
		if !c.Reached {
			line("note", "the target of %.2f %% was not reached", 100*c.Target)
		}
	}
	line("ceiling", "at most %.2fx as fast as dense, by bytes read", s.Cost.Ceiling(p.Probes))
	line("file", "%s, %d bytes larger", s.Output, s.Grown)
	line("time", "%s", s.Took.Round(100*time.Millisecond))
	if s.Next == "" {
		s.Next = commandline.Self("create", "--from", s.Output)
	}
	line("next", "%s", s.Next)
	return b.String()
}

// calibrated is a calibration's outcome in one line.
func calibrated(p *flashhead.Parameters) string {
	c := p.Calibration
	if !c.Reached {
		return fmt.Sprintf("target %.2f %% not reached: %s at P = %d", 100*c.Target, c.Share(), p.Probes)
	}
	return fmt.Sprintf("calibrated: agreement %s at P = %d", c.Share(), p.Probes)
}
