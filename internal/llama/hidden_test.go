package llama

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

func TestReadStates(t *testing.T) {
	read := func(text string) ([][]float32, error) {
		return readStates([]byte(text), [][]int{{7, 8}, {9}}, 3)
	}
	for _, answer := range []string{
		`[{"index": 0, "embedding": [[1, -2.5, 3e-3], [0.30000001192092896,4,5]]}, {"index": 1, "embedding": [[6,7,8]]}]`,
		`[{"embedding":[[6,7,8]],"index":1},{"embedding":[[1,-2.5,3e-3],[0.3,4,5]],"other":[{"a":1}],"index":0}]`,
	} {
		got, err := read(answer)
		if err != nil || fmt.Sprint(got) != "[[1 -2.5 0.003 0.3 4 5] [6 7 8]]" {
			t.Errorf("%s: %v, %v", answer, got, err)
		}
	}
	const second = `,{"index":1,"embedding":[[1,2,3]]}]`
	for answer, want := range map[string]string{
		`[{"index":0,"embedding":[[1,2,3],[4,null,5]]}` + second:      "not finite numbers",
		`[{"index":0,"embedding":[[1,2,1e39],[4,5,6]]}` + second:      "no hidden states: json",
		`[{"index":0,"embedding":[[1,2,3,4],[4,5,6,7]]}` + second:     "have 4 numbers, its head takes 3",
		`[{"index":0,"embedding":[[1,2],[4,5]]}` + second:             "have 2 numbers",
		`[{"index":0,"embedding":[[1,2,3]]}` + second:                 "1 hidden states for 2 tokens",
		`[{"index":0,"embedding":[[1,2,3],[1,2,3],[1,2,3]]}` + second: "3 hidden states for 2 tokens",
		`[{"index":1,"embedding":[[1,2,3]]}]`:                         "0 hidden states for 2 tokens",
		`[{"index":1,"embedding":[[1,2,3]]}` + second:                 "no hidden states: index 1 of 2",
		`[{"index":2,"embedding":[[1,2,3]]}` + second:                 "no hidden states: index 2 of 2",
		`[{"index":-1,"embedding":[[1,2,3]]}` + second:                "no hidden states: index -1 of 2",
		`[{"index":"a","embedding":[[1,2,3]]}` + second:               "no hidden states: json",
		`[{"index":0,"embedding":[1,2,3]}` + second:                   "no hidden states: json",
		`[{"index":0,"embedding":{"a":[[1]]}}` + second:               "no hidden states: json",
		`[{"index":0,"embedding":null}` + second:                      "not finite numbers",
		`[{"index":0,"embedding":[[1,2,3],[4,`:                        "no hidden states: ",
		`[{"index":0,"embedding":[[1,2,3],[4,5,6]]}`:                  "no hidden states: ",
		`{"error": 1}`:    "no hidden states: json",
		`Gateway Timeout`: "no hidden states: ",
	} {
		_, err := read(answer)
		hinttest.Check(t, err, want)
	}
}

func TestFindServer(t *testing.T) {
	dir, installed := t.TempDir(), t.TempDir()
	program := filepath.Join(installed, "bin", "ollama")
	for _, path := range []string{filepath.Join(dir, "llama-server"), program,
		filepath.Join(installed, "lib", "ollama", "llama-server")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	none := t.TempDir()
	places := installation.Places{Root: none, Proc: filepath.Join(none, "proc"), Home: none,
		Path: []string{filepath.Dir(program)}}
	for _, c := range []struct {
		dir    string
		places installation.Places
		want   string
	}{
		{dir, places, dir},
		{none, places, filepath.Join(installed, "lib", "ollama")},
		{"", places, filepath.Join(installed, "lib", "ollama")},
		{none, installation.Places{Root: none, Proc: places.Proc, Home: none}, ""},
	} {
		p, err := FindServer(t.Context(), c.dir, c.places)
		switch {
		case c.want == "" && (err == nil || !strings.Contains(hint.Of(err), "install Ollama 0.30 or newer")):
			t.Errorf("%q: %v, hint %q", c.dir, err, hint.Of(err))
		case c.want != "" && (err != nil || p.Folder != c.want):
			t.Errorf("%q: %s, %v, want %s", c.dir, p.Folder, err, c.want)
		}
	}
	if err := os.Chmod(filepath.Join(installed, "lib", "ollama", "llama-server"), 0o777); err != nil {
		t.Fatal(err)
	}
	if p, err := FindServer(t.Context(), "", places); err == nil {
		t.Errorf("%s was found, which any user can write", p.Folder)
	}
}
