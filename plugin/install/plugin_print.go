package install

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// past are the past tenses of verbs. A dry run says "would" and the verb.
var past = map[string]string{
	"place": "placed", "update": "updated", "keep": "kept", "remove": "removed", "try": "tried",
}

// String formats the result as text.
func (r Result) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, text string) { fmt.Fprintf(w, "%s\t%s\n", name, text) }
	word := func(verb string) string {
		if r.DryRun {
			return "would " + verb
		}
		return past[verb]
	}
	if r.Ollama != nil {
		row("found", describe(*r.Ollama))
	}
	for _, c := range r.Changes {
		text := c.Path
		if c.Note != "" {
			text += ": " + c.Note
		}
		row(word(c.Verb), text)
		if r.DryRun {
			for line := range strings.Lines(c.Text) {
				row("", "  "+strings.TrimSuffix(line, "\n"))
			}
		}
	}
	if r.Tried != "" {
		row(word("try"), r.Tried)
	}
	if r.Ollama == nil && len(r.Changes) == 0 {
		row("nothing", "fh-ollama install has placed nothing here")
	}
	for _, note := range r.Notes {
		row("note", note)
	}
	name := "next"
	for _, command := range r.Next {
		row(name, command)
		name = ""
	}
	w.Flush()
	return b.String()
}

// describe describes the Ollama i and how it is run.
func describe(i installation.Installation) string {
	text := "Ollama"
	if i.Version != "" {
		text += " " + i.Version
	}
	text += " at " + i.Program
	if u := i.Unit; u != nil {
		kind := "systemd's "
		if u.User {
			kind = "your systemd's "
		}
		text += ", " + kind + u.Name
	}
	if i.Server != nil {
		text += fmt.Sprintf(", running as process %d", i.Server.PID)
	}
	return text
}
