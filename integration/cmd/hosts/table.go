package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/upstream"
)

// row is what was found of one release.
type row struct {
	cells    []string
	findings []string // what does not hold
}

// columns are those of the table. The last ones need a whole Ollama.
var columns = []string{"Ollama", "made from, built from", "ggml", "relied on", "plug-in's test",
	"convert", "all clusters", "few clusters", "devices", "in Ollama"}

// newRow says what the build of a release found.
func newRow(pin source.HostPin, made upstream.HostBuild) row {
	r := row{cells: []string{pin.Version, pin.Wants + ", " + pin.LlamaCpp.Commit, made.GGML,
		fmt.Sprintf("%d of %d", made.Relied-len(made.Changed), made.Relied)}}
	r.add("passes", made.Test)
	return r
}

// add adds the next cell: what was said, or that it does not hold.
func (r *row) add(said string, err error) {
	if err != nil {
		said = "no"
		r.findings = append(r.findings, fmt.Sprintf("%s, %s: %v", r.cells[0], columns[len(r.cells)], err))
	}
	r.cells = append(r.cells, said)
}

// addChecks makes the checks of a whole Ollama. One that fails does not keep the others from being made; only ctx ends
// it.
func (r *row) addChecks(ctx context.Context, c *check) error {
	for _, part := range []func(context.Context) (string, error){c.converts, c.allClusters, c.fewClusters, c.devices,
		c.ollama} {
		said, err := part(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.add(said, err)
	}
	return nil
}

// markdown is the table for docs/upgrading.md.
func markdown(rows []row) string {
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(columns)
	line(strings.Split(strings.Repeat("---,", len(columns)-1)+"---", ","))
	for _, r := range rows {
		line(append(r.cells, make([]string, len(columns)-len(r.cells))...))
	}
	return b.String()
}
