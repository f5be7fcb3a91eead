package modelfile

import (
	"reflect"
	"strings"
	"testing"
)

func TestStringReadsBack(t *testing.T) {
	m := &Modelfile{
		From:     []string{"./model.gguf", "/a dir/projector.gguf"},
		Draft:    []string{"draft.gguf"},
		Template: "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}\n\"{{ .Prompt }}\"\n",
		System:   `"Quoted" at the start`,
		Renderer: "qwen3-coder", Parser: "qwen3-coder", Requires: "0.14.0",
		Parameters: []Parameter{{"num_ctx", "4096"}, {"stop", "<|im_end|>"}, {"stop", " leading space"}, {"stop", "\n"},
			{"temperature", "0.6"}},
		Messages: []Message{{"user", "Is Toronto in Canada?"}, {"assistant", "yes\nand: no"}},
		License:  []string{"MIT", "Apache License\n\n  \"License\" shall mean\n", "  indented"},
	}
	got, err := Parse(strings.NewReader(m.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, m)
	}
	if !reflect.DeepEqual(got, m) {
		t.Errorf("printed:\n%s\nread back: %+v\nwant:      %+v", m, got, m)
	}
}

func TestStringIsWhatAPersonWrites(t *testing.T) {
	m := &Modelfile{
		From: []string{"./qwen.gguf"}, System: "You are brief.", Template: "{{ .System }}\n{{ .Prompt }}",
		Parameters: []Parameter{{"stop", "<|im_end|>"}, {"temperature", "0.6"}},
		Messages:   []Message{{"user", "hello"}},
	}
	want := `FROM ./qwen.gguf

TEMPLATE """{{ .System }}
{{ .Prompt }}"""

SYSTEM You are brief.

PARAMETER stop "<|im_end|>"
PARAMETER temperature 0.6

MESSAGE user hello
`
	if got := m.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNames(t *testing.T) {
	for source, want := range map[string]string{
		"qwen3:0.6b":                     "qwen3:0.6b-flashhead",
		"qwen3":                          "qwen3:latest-flashhead",
		"someone/model:v1":               "someone/model:v1-flashhead",
		"hf.co/a/Model-GGUF:Q4_K_M":      "hf.co/a/Model-GGUF:Q4_K_M-flashhead",
		"registry.ollama.ai/library/x:y": "x:y-flashhead",
	} {
		if got, err := DefaultName(source); err != nil || got != want {
			t.Errorf("DefaultName(%q) = %q, %v; want %q", source, got, err, want)
		}
	}
	for path, want := range map[string]string{
		"models/Qwen3-0.6B.Q8_0.gguf": "qwen3-0.6b.q8_0:flashhead",
		"My Model (1).gguf":           "my-model-1:flashhead",
		"Qwen3-0.6B-flashhead.gguf":   "qwen3-0.6b:flashhead",
	} {
		if got, err := DefaultNameForFile(path); err != nil || got != want {
			t.Errorf("DefaultNameForFile(%q) = %q, %v; want %q", path, got, err, want)
		}
	}
	if _, err := DefaultName("hf.co/a/b:" + strings.Repeat("q", 75)); err == nil ||
		!strings.Contains(err.Error(), "too long") {
		t.Errorf("a tag that gets too long: %v", err)
	}
	if _, err := DefaultNameForFile("---.gguf"); err == nil {
		t.Error("a file without a usable letter got a name")
	}
	if !SameName("qwen3", "Qwen3:latest") || SameName("qwen3", "qwen3:0.6b") {
		t.Error("SameName does not follow Ollama's defaults")
	}
	if CheckName("a b") == nil {
		t.Error("a name with a space passed")
	}
}
