// Package modelfile is Ollama's Modelfile: read from a running server, written as a person would write it, and
// registered through Ollama's API. Parsing is Ollama's own; printing is ours, because Ollama's printer quotes
// multi-line text in a way nobody writes and leaves some text unquoted that then reads differently.
package modelfile

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ollama/ollama/parser"
)

// Modelfile is everything that Ollama keeps about a model beside the weights, and where the weights are.
// Empty fields are absent from the printed text and from a registration.
type Modelfile struct {
	// From lists GGUF files: the model first, then projectors (vision, audio).
	From []string
	// Draft lists the GGUF files of a draft model for speculative decoding.
	Draft []string
	// Adapters lists LoRA adapters; Ollama 0.30 and newer refuse them.
	Adapters []string

	Template   string
	System     string
	Renderer   string
	Parser     string
	Requires   string // lowest version of Ollama, e.g. "0.14.0"
	Parameters []Parameter
	Messages   []Message
	License    []string
}

// Parameter is one PARAMETER line; a parameter that takes a list (stop) has one line an entry.
type Parameter struct{ Name, Value string }

// Message is one MESSAGE line. Role is system, user or assistant.
type Message struct{ Role, Content string }

// Parse reads a Modelfile's text as Ollama does.
func Parse(r io.Reader) (*Modelfile, error) {
	parsed, err := parser.ParseFile(r)
	if err != nil {
		return nil, fmt.Errorf("modelfile: %w", err)
	}
	m := &Modelfile{}
	for _, c := range parsed.Commands {
		switch c.Name {
		case "model":
			m.From = append(m.From, c.Args)
		case "draft":
			m.Draft = append(m.Draft, c.Args)
		case "adapter":
			m.Adapters = append(m.Adapters, c.Args)
		case "template":
			m.Template = c.Args
		case "system":
			m.System = c.Args
		case "renderer":
			m.Renderer = c.Args
		case "parser":
			m.Parser = c.Args
		case "requires":
			m.Requires = c.Args
		case "license":
			m.License = append(m.License, c.Args)
		case "message":
			role, content, _ := strings.Cut(c.Args, ": ")
			m.Messages = append(m.Messages, Message{role, content})
		default:
			m.Parameters = append(m.Parameters, Parameter{c.Name, c.Args})
		}
	}
	return m, nil
}

// String prints m: one blank line between groups, triple quotes around text of several lines.
func (m *Modelfile) String() string {
	var groups []string
	add := func(lines ...string) {
		if len(lines) > 0 {
			groups = append(groups, strings.Join(lines, "\n"))
		}
	}
	var from []string
	for _, f := range m.From {
		from = append(from, "FROM "+quote(f))
	}
	for _, f := range m.Draft {
		from = append(from, "DRAFT "+quote(f))
	}
	for _, f := range m.Adapters {
		from = append(from, "ADAPTER "+quote(f))
	}
	add(from...)

	var how []string
	for _, c := range []struct{ name, value string }{
		{"RENDERER", m.Renderer}, {"PARSER", m.Parser}, {"REQUIRES", m.Requires},
	} {
		if c.value != "" {
			how = append(how, c.name+" "+quote(c.value))
		}
	}
	add(how...)
	if m.Template != "" {
		add("TEMPLATE " + quote(m.Template))
	}
	if m.System != "" {
		add("SYSTEM " + quote(m.System))
	}
	var parameters []string
	for _, p := range m.Parameters {
		value := quote(p.Value)
		if p.Name == "stop" && value == p.Value {
			value = `"` + value + `"` // a stop sequence is always written in quotes
		}
		parameters = append(parameters, "PARAMETER "+p.Name+" "+value)
	}
	add(parameters...)
	var messages []string
	for _, g := range m.Messages {
		messages = append(messages, "MESSAGE "+g.Role+" "+quote(g.Content))
	}
	add(messages...)
	for _, l := range m.License {
		add("LICENSE " + quote(l))
	}
	return strings.Join(groups, "\n\n") + "\n"
}

// quote writes a value so that Ollama's parser reads it back: as it is where that works, else in one pair of
// quotes, or three for several lines. Text with a line that ends in three quotes cannot be written at all, and
// the parser drops characters that do not print; registration does not go through text and keeps both.
func quote(s string) string {
	switch {
	case strings.ContainsAny(s, "\n\r"):
		return `"""` + s + `"""`
	case s == "" || strings.TrimSpace(s) != s || strings.HasPrefix(s, `"`):
		if strings.Contains(s, `"`) {
			return `"""` + s + `"""`
		}
		return `"` + s + `"`
	}
	return s
}

// Lost names what a reader of m's text does not get back as it is: characters that do not print, and text that ends
// quotes early. A registration keeps it.
func (m *Modelfile) Lost() []string {
	read, err := Parse(strings.NewReader(m.String()))
	if err != nil {
		return []string{"all"}
	}
	var lost []string
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"FROM", append(read.From, read.Draft...), append(slices.Clone(m.From), m.Draft...)},
		{"TEMPLATE", read.Template, m.Template},
		{"SYSTEM", read.System, m.System},
		{"PARAMETER", read.Parameters, m.Parameters},
		{"MESSAGE", read.Messages, m.Messages},
		{"LICENSE", read.License, m.License},
	} {
		if fmt.Sprintf("%q", c.got) != fmt.Sprintf("%q", c.want) {
			lost = append(lost, c.name)
		}
	}
	return lost
}
