package harness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/table"
)

// sweepKinds are the kinds of tiny models with their column heads.
var sweepKinds = []struct{ kind, title string }{
	{"untied", "output.weight"}, {"tied", "tied to the embedding"}, {"bias", "with output.bias"},
	{"library", "as in Ollama's library"},
}

const works = "active, same tokens"

// String returns the text of the cell, "" if there is no such model.
func (c Cell) String() string {
	switch {
	case c.Failed != "":
		return "failed"
	case c.Refused != "":
		return "refused"
	case c.Broken != "":
		return ""
	}
	var parts []string
	for host, does := range c.Runs {
		if does != "" {
			parts = append(parts, host+" "+does)
		}
	}
	if len(parts) == 0 && len(c.Runs) > 0 {
		return works
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// Table returns all rows as Markdown, architectures with the same cells in one.
func Table(rows []*Row) string {
	heads := []string{"architectures"}
	for _, k := range sweepKinds {
		heads = append(heads, k.title)
	}
	tried := table.New(strings.Repeat("l", len(heads)), heads...)
	var none []string
	var groups [][]string // names, then cells
	for _, r := range rows {
		cells := []string{r.Arch}
		for _, k := range sweepKinds {
			cells = append(cells, r.Cells[k.kind].String())
		}
		same := func(group []string) bool { return slices.Equal(group[1:], cells[1:]) }
		if strings.Join(cells[1:], "") == "" {
			none = append(none, r.Arch)
		} else if i := slices.IndexFunc(groups, same); i >= 0 {
			groups[i][0] += ", " + r.Arch
		} else {
			groups = append(groups, cells)
		}
	}
	for _, group := range groups {
		tried.Row(group...)
	}
	text := tried.Markdown()
	if len(none) > 0 {
		text += fmt.Sprintf("\nNot tried, because llama.cpp runs no tiny model of them: %s.\n", strings.Join(none, ", "))
	}
	return text
}

// Disagreements lists the models that the tools accept for conversion and that a runtime runs dense or wrongly.
func Disagreements(rows []*Row) (wrong []string) {
	for _, r := range rows {
		for _, k := range sweepKinds {
			c := r.Cells[k.kind]
			if text := c.String(); text != "" && text != "refused" && text != works {
				wrong = append(wrong, strings.TrimSpace(fmt.Sprintf("%s, %s: %s %s", r.Arch, k.title, text, c.Failed)))
			}
		}
	}
	return wrong
}
