package main

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestImportsPointDown checks the rule of docs/architecture.md: a room imports only rooms below it.
func TestImportsPointDown(t *testing.T) {
	below := map[string][]string{ // what each room may import, besides itself
		"cmd":         {"ggmlhead", "internal", "modelfile", "patches", "plugin", "third_party"},
		"integration": {"ggmlhead", "internal", "modelfile", "patches", "plugin", "third_party"},
		"plugin":      {"ggmlhead", "internal", "patches", "third_party"},
		"modelfile":   {"internal"},
		"internal":    nil,
	}
	const module = "github.com/fh-ollama/fh-ollama/"
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		room := roomOf(strings.TrimPrefix(fields[0], module))
		for _, imported := range fields[1:] {
			name, ours := strings.CutPrefix(imported, module)
			if to := roomOf(name); ours && to != room && !slices.Contains(below[room], to) {
				t.Errorf("%s imports %s", fields[0], imported)
			}
		}
	}
}

// roomOf returns the first folder of a package's path.
func roomOf(name string) string {
	first, _, _ := strings.Cut(path.Clean(name), "/")
	return first
}
