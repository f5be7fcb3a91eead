package main

import (
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/upstream"
)

func TestVersions(t *testing.T) {
	for _, test := range []struct {
		args       []string
		checkout   string
		ollama, py string
		ok         bool
	}{
		{nil, "", "", "", true},
		{[]string{"v0.33.0", "0.3.35"}, "", "v0.33.0", "0.3.35", true},
		{[]string{"0.3.35"}, "", "", "0.3.35", true},
		{[]string{"v0.33.0", "v0.34.2"}, "", "", "", false},
		{[]string{"0.3.35"}, "llama.cpp", "", "", false},
		{[]string{"v0.33.0"}, "llama.cpp", "v0.33.0", "", true},
	} {
		opts := upstream.Options{LlamaCppSource: test.checkout}
		err := versions(&opts, test.args)
		if (err == nil) != test.ok || test.ok && (opts.Ollama != test.ollama || opts.LlamaCppPython != test.py) {
			t.Errorf("%q: %+v, %v", test.args, opts, err)
		}
	}
}
