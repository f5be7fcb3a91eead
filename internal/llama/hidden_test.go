package llama

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

func TestReadStates(t *testing.T) {
	read := func(answer string) (string, error) {
		got := ""
		err := readStates(json.NewDecoder(strings.NewReader(answer)), 2, 3, func(position int, state []float32) error {
			got += fmt.Sprint(position, state)
			return nil
		})
		return got, err
	}
	got, err := read(`[{"index": 0, "embedding": [[1, -2.5, 3e-3], [0.30000001192092896,4,5]]}]`)
	if err != nil || got != "0 [1 -2.5 0.003]1 [0.3 4 5]" {
		t.Errorf("%s, %v", got, err)
	}
	for answer, want := range map[string]string{
		`[{"index":0,"embedding":[[1,2,3],[4,null,5]]}]`:      "not finite numbers at position 1",
		`[{"index":0,"embedding":[[1,2,1e39],[4,5,6]]}]`:      "not finite numbers at position 0",
		`[{"index":0,"embedding":[[1,2,3,4],[4,5,6,7]]}]`:     "have 4 numbers, its head takes 3",
		`[{"index":0,"embedding":[[1,2],[4,5]]}]`:             "have 2 numbers",
		`[{"index":0,"embedding":[[1,2,3]]}]`:                 "1 hidden states for 2 tokens",
		`[{"index":0,"embedding":[[1,2,3],[1,2,3],[1,2,3]]}]`: "3 hidden states for 2 tokens",
		`[{"index":0,"embedding":[1,2,3]}]`:                   "no hidden states: 1",
		`[{"index":0,"embedding":[[1,2,3],[4,`:                "no hidden states: ",
		`{"error": 1}`:                                        "no hidden states: EOF",
		`Gateway Timeout`:                                     "no hidden states: ",
	} {
		if _, err := read(answer); err == nil || !strings.Contains(err.Error(), want) || hint.Of(err) == "" {
			t.Errorf("%s: %v, way out %q, want %q", answer, err, hint.Of(err), want)
		}
	}
	full := errors.New("full")
	err = readStates(json.NewDecoder(strings.NewReader(`[{"embedding":[[1,2,3]]}]`)), 1, 3, func(int, []float32) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("%v", err)
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
			t.Errorf("%q: %v, way out %q", c.dir, err, hint.Of(err))
		case c.want != "" && (err != nil || p.Folder != c.want):
			t.Errorf("%q: %s, %v, want %s", c.dir, p.Folder, err, c.want)
		}
	}
	if err := os.Chmod(filepath.Join(installed, "lib", "ollama", "llama-server"), 0o777); err != nil {
		t.Fatal(err)
	}
	if p, err := FindServer(t.Context(), "", places); err == nil {
		t.Errorf("%s was found, which any user can write", p.server)
	}
}
