package native_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/native"
)

// write makes an empty program.
func write(t *testing.T, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestFindTool(t *testing.T) {
	tool := script(t, "")
	got, err := native.FindTool([]string{t.TempDir(), filepath.Dir(tool)})
	if err != nil || got != tool {
		t.Errorf("%q, %v", got, err)
	}
	lent := filepath.Dir(write(t, t.TempDir(), "libggml-base.so.0")) // lends ggml, has no tool
	if installation.Only("") || !installation.Only("here") || installation.Only(lent) {
		t.Error("a folder without ggml is not searched alone, or one with it is")
	}
	if write(t, lent, "llama-flashhead"); !installation.Only(lent) {
		t.Error("a folder with ggml and a tool is not searched alone")
	}
	_, err = native.FindTool([]string{t.TempDir()})
	hinttest.Check(t, err, "fh-ollama build")
}

func TestFindGGML(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	places := installation.Places{Root: filepath.Join(dir, "root"), Proc: filepath.Join(dir, "proc"),
		Path: []string{filepath.Join(dir, "old/bin"), filepath.Join(dir, "new/bin")}, UID: os.Getuid()}
	find := func(tool, given string) (string, string) {
		got, err := native.FindGGML(t.Context(), tool, given, places)
		if err != nil {
			return "error: " + err.Error(), hint.Of(err)
		}
		return got, ""
	}

	own := write(t, dir, "patched/llama-flashhead")
	if got, _ := find(own, ""); got != "" || native.Borrows(own) {
		t.Errorf("a tool with its own ggml is given %q", got)
	}
	tool := write(t, dir, "plugin/llama-flashhead")
	write(t, dir, "plugin/libflashhead-tool.so")
	if !native.Borrows(tool) {
		t.Error("the plug-in's tool has a ggml")
	}
	if got, way := find(tool, ""); !strings.Contains(got, "error: no Ollama is found") ||
		!strings.Contains(way, "install Ollama") {
		t.Errorf("without an Ollama: %s; %s", got, way)
	}
	write(t, dir, "old/bin/ollama")
	if got, way := find(tool, ""); !strings.Contains(got, "old/bin/ollama has no libraries of ggml") ||
		!strings.Contains(way, "update Ollama") {
		t.Errorf("with an old Ollama: %s; %s", got, way)
	}
	write(t, dir, "new/bin/ollama")
	write(t, dir, "new/lib/ollama/llama-server")
	lib := filepath.Dir(write(t, dir, "new/lib/ollama/libggml-base.so.0"))
	if got, way := find(tool, ""); got != lib {
		t.Errorf("with a new Ollama: %s; %s", got, way)
	}
	lent := filepath.Dir(write(t, dir, "llama.cpp/libggml-base.so"))
	if got, way := find(tool, lent); got != lent {
		t.Errorf("with a given folder: %s; %s", got, way)
	}
	if got, _ := find(tool, filepath.Dir(tool)); got != lib {
		t.Errorf("with the tool's folder given: %s", got)
	}
	if err := os.Chmod(lib, 0o777); err != nil {
		t.Fatal(err)
	}
	if got, way := find(tool, ""); !strings.Contains(got, "belongs to another user") ||
		!strings.Contains(way, "FH_OLLAMA_LIB") {
		t.Errorf("with an Ollama that anybody may change: %s; %s", got, way)
	}
}
