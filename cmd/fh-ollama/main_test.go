package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// TestHelp checks that the help of every command fits a small screen, 24 lines of 80 columns, and shows an example.
// Commands that make maps have more lines.
func TestHelp(t *testing.T) {
	t.Chdir(t.TempDir()) // no settings of this folder
	for _, command := range newApp(io.Discard, io.Discard).Commands {
		if command.Name == "help" { // the library answers with that of the program
			continue
		}
		var out, errs bytes.Buffer
		if code := run([]string{"fh-ollama", command.Name, "--help"}, &out, &errs); code != 0 || errs.Len() > 0 {
			t.Errorf("%s --help ends with %d: %s", command.Name, code, errs.String())
		}
		text := out.String()
		most := 24
		if slices.Contains([]string{"convert", "create", "on"}, command.Name) {
			most = 28
		}
		if n := strings.Count(text, "\n"); n > most {
			t.Errorf("%s --help has %d lines", command.Name, n)
		}
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%s --help has a line of %d columns: %s", command.Name, n, line)
			}
		}
		if !strings.Contains(text, "\nExample: fh-ollama "+command.Name) {
			t.Errorf("%s --help shows no example", command.Name)
		}
	}
}

func TestFlagsFirst(t *testing.T) {
	app := newApp(io.Discard, io.Discard)
	for _, c := range []struct{ in, want string }{
		{"fh-ollama", "fh-ollama"},
		{"fh-ollama --version", "fh-ollama --version"},
		{"fh-ollama none a -b", "fh-ollama none a -b"},
		{"fh-ollama convert a", "fh-ollama convert -- a"},
		{"fh-ollama convert a -o b", "fh-ollama convert -o b -- a"},
		{"fh-ollama convert a --output=b c", "fh-ollama convert --output=b -- a c"},
		{"fh-ollama convert a --force b -o -", "fh-ollama convert --force -o - -- a b"},
		{"fh-ollama convert - --seed -1", "fh-ollama convert --seed -1 -- -"},
		{"fh-ollama convert a -o", "fh-ollama convert -o"},
		{"fh-ollama convert --force -- -o b", "fh-ollama convert --force -- -o b"},
		{"fh-ollama convert a --unknown b", "fh-ollama convert --unknown -- a b"},
		{"fh-ollama convert --help", "fh-ollama convert --help"},
		{"fh-ollama --config c convert a --force", "fh-ollama --config c convert --force -- a"},
		{"fh-ollama convert a --config c --force", "fh-ollama --config c convert --force -- a"},
		{"fh-ollama convert a --config=c", "fh-ollama --config=c convert -- a"},
		{"fh-ollama convert -o --config a", "fh-ollama convert -o --config -- a"},
		{"fh-ollama convert a -- --config c", "fh-ollama convert -- a --config c"},
		{"fh-ollama convert a --config", "fh-ollama --config"},
	} {
		if got := flagsFirst(app, strings.Fields(c.in)); !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s becomes %s, want %s", c.in, strings.Join(got, " "), c.want)
		}
	}
}

// A file whose provenance contains NaN or infinity is still reported.
func TestJSONOfOddNumbers(t *testing.T) {
	file := flashheadtest.File(4)
	kvs := file.KVs
	for objective, want := range map[float32]any{float32(math.Inf(1)): nil, float32(math.NaN()): nil, 0.1234: 0.1234} {
		file.KVs = append(slices.Clone(kvs), gguftest.V("flashhead.objective", objective))
		var out, errs bytes.Buffer
		if code := run([]string{"fh-ollama", "inspect", "--json", gguftest.Write(t, "in.gguf", file.Bytes())}, &out,
			&errs); code != 0 {
			t.Fatalf("it ends with %d: %s", code, errs.String())
		}
		var report struct {
			Sound      bool
			Parameters map[string]any
		}
		if err := json.Unmarshal(out.Bytes(), &report); err != nil || !report.Sound {
			t.Fatalf("%v: %s", err, out.String())
		}
		if got, there := report.Parameters["objective"]; !there || got != want {
			t.Errorf("the objective %v is written as %v", objective, got)
		}
	}
}
