// Package modelfile reads Modelfiles from a running Ollama, prints them, and registers them through Ollama's API.
// Parsing is Ollama's own. Printing is ours, because Ollama's printer quotes multi-line text in an unusual way, and
// leaves some text unquoted that then parses differently.
package modelfile

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ollama/ollama/parser"
)

// Modelfile holds everything that Ollama keeps about a model besides the weights, and the paths of the weights. Empty
// fields are absent from the printed text and from a registration.
type Modelfile struct {
	// From lists GGUF files: the model first, then projectors (vision, audio).
	From []string
	// Draft lists the GGUF files of a draft model for speculative decoding.
	Draft []string
	// Adapters lists LoRA adapters. Ollama 0.30 and newer refuse them, so they are neither parsed nor printed.
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

// Parameter is one PARAMETER line. A parameter with a list (stop) has one line per entry.
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

// String formats m, with blank lines between groups and triple quotes around multi-line text.
func (m *Modelfile) String() string {
	var groups []string
	add := func(lines ...string) {
		if len(lines) > 0 {
			groups = append(groups, strings.Join(lines, "\n"))
		}
	}
	// each returns a line for each value that is not empty.
	each := func(command string, values ...string) (lines []string) {
		for _, v := range values {
			if v != "" {
				lines = append(lines, command+" "+quote(v))
			}
		}
		return lines
	}
	add(append(each("FROM", m.From...), each("DRAFT", m.Draft...)...)...)
	add(slices.Concat(each("RENDERER", m.Renderer), each("PARSER", m.Parser), each("REQUIRES", m.Requires))...)
	add(each("TEMPLATE", m.Template)...)
	add(each("SYSTEM", m.System)...)
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

// quote formats a value for Ollama's parser: plain if possible, else in quotes, or in triple quotes if it has several
// lines. Text with a line that ends in three quotes cannot be written, and the parser drops characters that are not
// printable. Registration does not use text and keeps both.
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

// Lost names the parts of m that do not survive its text form: characters that are not printable, and text that ends
// quotes early. A registration keeps them.
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
