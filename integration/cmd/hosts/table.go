package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/upstream"
)

// row has the results for one release.
type row struct {
	cells    []string
	findings []string // failed checks
}

// columns are the columns of the table. The last ones need a complete Ollama.
var columns = []string{"Ollama", "made from, built from", "ggml", "relied on", "plug-in's test",
	"convert", "all clusters", "few clusters", "devices", "in Ollama"}

// newRow returns a row with the results of a release's build.
func newRow(pin source.HostPin, made upstream.HostBuild) row {
	r := row{cells: []string{pin.Version, pin.Wants + ", " + pin.LlamaCpp.Commit, made.GGML,
		fmt.Sprintf("%d of %d", made.Relied-len(made.Changed), made.Relied)}}
	r.add("passes", made.Test)
	return r
}

// add adds the next cell: the result, or a failure.
func (r *row) add(said string, err error) {
	if err != nil {
		said = "no"
		r.findings = append(r.findings, fmt.Sprintf("%s, %s: %v", r.cells[0], columns[len(r.cells)], err))
	}
	r.cells = append(r.cells, said)
}

// addChecks runs the checks on a complete Ollama. It goes on after a failed check, until ctx ends.
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

// markdown formats the table for docs/upgrading.md.
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
