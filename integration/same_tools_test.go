package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// callSchema is the schema of a call of the tool in tools.
const callSchema = `{
	"type": "object", "required": ["name", "arguments"], "properties": {
		"name": {"const": "weather"},
		"arguments": ` + argumentsSchema + `
	}
}`

const argumentsSchema = `{
	"type": "object", "required": ["place", "days"], "properties": {
		"place": {"type": "string", "enum": ["Zürich", "Ljubljana", "Ouagadougou"]},
		"days": {"type": "integer", "minimum": 1, "maximum": 14}
	}
}`

// registerTools registers the GGUF file as a model with a template for tools.
func registerTools(t *testing.T, o *harness.Ollama, name, file string) {
	t.Helper()
	err := modelfile.Register(timeout(t), o.Client, name, &modelfile.Modelfile{
		From: []string{file},
		Template: `{{ range .Tools }}{{ . }}
{{ end }}{{ range .Messages }}{{ .Content }}{{ if .ToolCalls }}{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}{{ end }}{{ end }}
{{ end }}`,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// The model is too small to call tools by itself, so a schema makes it write a call. Ollama parses it like any other.
func toolCalls(t *testing.T, o *harness.Ollama) (answers []string) {
	var tools api.Tools
	if err := json.Unmarshal([]byte(`[{"type": "function", "function": {"name": "weather", "description": "the weather", `+
		`"parameters": `+argumentsSchema+`}}]`), &tools); err != nil {
		t.Fatal(err)
	}
	for seed := range 8 {
		var calls []api.ToolCall
		drawn := options(100)
		drawn["temperature"], drawn["seed"] = 1.2, seed
		err := o.Client.Chat(timeout(t), &api.ChatRequest{
			Model: "tools", Messages: []api.Message{{Role: "user", Content: prompt}}, Tools: tools,
			Format: json.RawMessage(callSchema), Options: drawn,
		}, func(r api.ChatResponse) error {
			calls = append(calls, r.Message.ToolCalls...)
			return nil
		})
		if err != nil || len(calls) != 1 || calls[0].Function.Name != "weather" {
			t.Errorf("seed %d: calls %v, %v", seed, calls, err)
			continue
		}
		arguments, err := json.Marshal(calls[0].Function.Arguments)
		if err != nil {
			t.Fatal(err)
		}
		forecast, err := readForecast(arguments)
		if err != nil {
			t.Errorf("seed %d: %v in %s", seed, err, arguments)
		}
		answers = append(answers, fmt.Sprint(forecast)) // Ollama does not keep the order of arguments
	}
	return answers
}

// forecast has the arguments of argumentsSchema.
type forecast struct {
	Place string
	Days  int
}

// readForecast reads the arguments of a call. It returns an error if they do not conform to argumentsSchema.
func readForecast(text []byte) (f forecast, err error) {
	if err := json.Unmarshal(text, &f); err != nil {
		return f, err
	}
	if !slices.Contains([]string{"Zürich", "Ljubljana", "Ouagadougou"}, f.Place) || f.Days < 1 || f.Days > 14 {
		return f, fmt.Errorf("place %q, days %d", f.Place, f.Days)
	}
	return f, nil
}
