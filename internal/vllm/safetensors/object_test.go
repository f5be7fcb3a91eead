package safetensors_test

import (
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/vllm/safetensors"
)

func TestObject(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "not a JSON object",
		"[]":                         "not a JSON object",
		"null":                       "not a JSON object",
		`{"a": 1, "a": 2}`:           `"a" appears twice`,
		"{\"a\": 1, \"\\u0061\": 2}": `"a" appears twice`,
		`{"a": 1} {}`:                "something follows",
		`{"a": 1} x`:                 "something follows",
		`{"a": 1`:                    "EOF",
		`{"a": }`:                    "invalid character",
		`{"a": 1,}`:                  "",
		`{a: 1}`:                     "invalid character",
		`{1: 1}`:                     "",
		`{"a": NaN}`:                 "invalid character",
		"{\"a\": \"\xff\"}":          "not UTF-8",
	} {
		if o, err := safetensors.ParseObject([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", in, o, err)
		}
	}
}
