package orderedjson_test

import (
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/orderedjson"
)

// TestKeeps changes one member and adds one: what was there stays in its place and as it was written.
func TestKeeps(t *testing.T) {
	in := `{"z": 1e-05, "a": {"b": [1, 2.50], "c": "<é>"}, "n": null, "big": 12345678901234567890, "e": []}`
	o, err := orderedjson.Parse([]byte(in + "\n "))
	if err != nil {
		t.Fatal(err)
	}
	if string(o.Get("z")) != "1e-05" || o.Get("n") != nil || o.Get("Z") != nil {
		t.Errorf("z is %s, n is %s", o.Get("z"), o.Get("n"))
	}
	text, err := o.Set("z", []byte("7")).Set("new", []byte("true")).Text()
	const want = `{
  "z": 7,
  "a": {
    "b": [
      1,
      2.50
    ],
    "c": "<é>"
  },
  "n": null,
  "big": 12345678901234567890,
  "e": [],
  "new": true
}
`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	if string(o.Get("z")) != "1e-05" {
		t.Error("Set changed the original")
	}
}

func TestRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                           "no JSON object",
		"[]":                         "no JSON object",
		"null":                       "no JSON object",
		`{"a": 1, "a": 2}`:           `"a" is there twice`,
		"{\"a\": 1, \"\\u0061\": 2}": `"a" is there twice`,
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
		if o, err := orderedjson.Parse([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", in, o, err)
		}
	}
}
