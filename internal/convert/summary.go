package convert

import (
	"fmt"
	"strings"
	"time"
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
	line("head", "%s, %v, %d x %d, %s, %.0f %% of the bytes a token", t.Name, t.Type, t.Rows(), t.Columns(), kind, 100*s.Cost.HeadShare())
	if p.ImportedFrom != "" {
		line("clusters", "%d of %s tokens, imported from %s, centroids %v", p.Clusters, p.Sizes(), p.ImportedFrom, p.CentroidType)
	} else {
		line("clusters", "%d of %d tokens, objective %.4f, centroids %v", p.Clusters, p.ClusterSize, p.Objective, p.CentroidType)
	}
	line("probes", "%d, and %d tokens pinned", p.Probes, len(p.Pinned))
	line("ceiling", "at most %.2fx as fast as dense, by bytes read", s.Cost.Ceiling(p.Probes))
	line("file", "%s, %d bytes larger", s.Output, s.Grown)
	line("time", "%s", s.Took.Round(100*time.Millisecond))
	line("next", "fh-ollama create NAME --from %s", s.Output)
	return b.String()
}
