package harness

import (
	"fmt"
	"slices"
	"strings"
)

// The kinds of tiny models, and how they are shown.
var sweepKinds = []struct{ kind, title string }{
	{"untied", "output.weight"}, {"tied", "tied to the embedding"}, {"bias", "with output.bias"}, {"library", "as in Ollama's library"},
}

const works = "active, same tokens"

// String is a cell of the table; "" where there is no such model.
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

// Table is all rows as Markdown.
func Table(rows []*Row) string {
	var b strings.Builder
	titles, rule := "| architecture", "|---"
	for _, k := range sweepKinds {
		titles, rule = titles+" | "+k.title, rule+"|---"
	}
	fmt.Fprintf(&b, "%s |\n%s|\n", titles, rule)
	var none []string
	for _, r := range rows {
		line, shown := "| "+r.Arch, false
		for _, k := range sweepKinds {
			text := r.Cells[k.kind].String()
			shown = shown || text != ""
			line += " | " + text
		}
		if shown {
			b.WriteString(line + " |\n")
		} else {
			none = append(none, r.Arch)
		}
	}
	if len(none) > 0 {
		fmt.Fprintf(&b, "\nNot tried, as no tiny model of theirs runs here: %s.\n", strings.Join(none, ", "))
	}
	return b.String()
}

// Disagreements are the models that the tools would convert and a runtime does not speed up, or not rightly.
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
