package doctor

import (
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// String is the report for people. Several problems are listed at its end; a single one is left to Err.
func (r Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }

	switch s := r.Server; {
	case !s.Reachable:
		row("ollama", "%s, not reachable", s.URL)
	case s.Patched:
		row("ollama", "%s, version %s, FlashHead %s", s.URL, s.Version, s.FlashHead)
	default:
		row("ollama", "%s, version %s, no FlashHead", s.URL, s.Version)
	}
	if r.Library.Tool == "" {
		row("library", "not found")
	} else {
		row("library", "%s", filepath.Dir(r.Library.Tool))
	}
	for _, d := range r.Library.Devices {
		can := "no FlashHead, runs dense"
		if d.FlashHead {
			can = "FlashHead"
		}
		row("device", "%s (%s): %s", d.Name, d.Description, can)
	}
	if r.Server.Reachable && len(r.Models) == 0 {
		row("models", "none with FlashHead yet")
	}
	for _, m := range r.Models {
		row("model", "%s: %d clusters, %d probes", m.Name, m.Clusters, m.Probes)
	}
	if f := r.File; f != nil {
		state := "not converted (fh-ollama convert does it)"
		switch {
		case f.Sound:
			state = fmt.Sprintf("sound, %d clusters, %d probes", f.Clusters, f.Probes)
		case f.Converted:
			state = "damaged"
		case !f.Usable:
			state = "not usable"
		}
		row("file", "%s: %s", f.Path, state)
	}
	if len(r.Problems) > 1 {
		for _, p := range r.Problems {
			row("wrong", "%s", p.Cause)
			row("", "%s", p.WayOut)
		}
	}
	w.Flush()
	return b.String()
}
