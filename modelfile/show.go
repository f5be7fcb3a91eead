package modelfile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/ollama"
)

// DefaultTemplate is what a server reports for a model without a template.
const DefaultTemplate = "{{ .Prompt }}"

// FromShow turns a server's answer to /api/show into a Modelfile. It prefers the structured fields, because the text in
// the answer parses wrongly if a licence or system prompt contains quotes. Template may be DefaultTemplate although the
// model has none: see ownTemplate.
func FromShow(show *api.ShowResponse) *Modelfile {
	m := &Modelfile{
		System:     show.System,
		Renderer:   show.Renderer,
		Parser:     show.Parser,
		Requires:   show.Requires,
		Template:   show.Template,
		Parameters: parseParameters(show.Parameters),
	}
	for _, g := range show.Messages {
		m.Messages = append(m.Messages, Message{g.Role, g.Content})
	}
	m.From, m.Draft, m.Adapters = ollama.Files(show)
	if show.License != "" {
		m.License = []string{show.License}
	}
	// The text separates licences, and has the model's own template, while the field has the one in use, which may be the
	// GGUF's. It is used if it agrees with the fields.
	if text, err := Parse(strings.NewReader(show.Modelfile)); err == nil {
		if strings.Join(text.License, "\n") == show.License {
			m.License = text.License
		}
		if text.System == show.System && text.Template != "" {
			m.Template = text.Template
		}
		if m.Renderer == "" {
			m.Renderer = text.Renderer
		}
		if m.Parser == "" {
			m.Parser = text.Parser
		}
	}
	return m
}

// parseParameters reads the lines "name   value" of a show answer, with strings quoted as in Go. The server lists them
// in random order. The result is sorted by name, and entries of a list keep their order.
func parseParameters(text string) []Parameter {
	var parameters []Parameter
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), " ")
		if !ok {
			continue
		}
		value = strings.TrimLeft(value, " ")
		if s, err := strconv.Unquote(value); err == nil {
			value = s
		} else if n, err := strconv.ParseFloat(value, 64); err == nil {
			value = strconv.FormatFloat(n, 'f', -1, 64) // a server writes large whole numbers as 1.048576e+06
		}
		parameters = append(parameters, Parameter{name, value})
	}
	slices.SortStableFunc(parameters, func(a, b Parameter) int { return strings.Compare(a.Name, b.Name) })
	return parameters
}
