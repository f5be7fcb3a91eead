package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWritesNothingElse runs commands that may write only below one folder, and compares it before and after. The named
// output is the only new file in the home, working and temporary folders, and the input is unchanged, whether a command
// succeeds or not.
func TestWritesNothingElse(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the native tool")
	}
	top := t.TempDir()
	at := func(names ...string) string { return filepath.Join(append([]string{top}, names...)...) }
	for _, dir := range []string{"home", "tmp", "cache", "work", "in"} {
		if err := os.Mkdir(at(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("in", "model.gguf"), read(t, "../../integration/testdata/fh-demo-12m-q8_0.gguf"),
		0o644); err != nil {
		t.Fatal(err)
	}
	before := filesBelow(t, top)
	for _, c := range []struct {
		args string
		made string // besides what was there, with all before it
	}{
		{"inspect ../in/model.gguf", ""},
		{"convert ../in/model.gguf -o out.gguf --iterations 1 --plain", "work/out.gguf"},
		{"convert ../in/model.gguf -o out.gguf --iterations 1 --plain", ""}, // is there
		{"convert ../in/model.gguf -o ../none/out.gguf --iterations 1 --plain", ""},
		{"create none --from out.gguf", ""}, // no Ollama answers
	} {
		cmd := exec.Command("fh-ollama", strings.Fields(c.args)...)
		cmd.Dir = at("work")
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "XDG_") }),
			"HOME="+at("home"), "TMPDIR="+at("tmp"), "FH_OLLAMA_CACHE="+at("cache"), "FH_OLLAMA_LIB="+nativeDir(t),
			"OLLAMA_HOST=127.0.0.1:1")
		said, _ := cmd.CombinedOutput()
		after := filesBelow(t, top)
		delete(after, "cache/temporary") // an empty folder
		want := maps.Clone(before)
		for path := range strings.FieldsSeq(c.made) {
			if after[path] == "" {
				t.Fatalf("%s: there is no %s; it said\n%s", c.args, path, said)
			}
			want[path] = after[path]
		}
		for path := range after {
			if want[path] != after[path] {
				t.Errorf("%s: %s is new or another", c.args, path)
			}
		}
		if len(after) < len(want) {
			t.Errorf("%s: something is gone", c.args)
		}
		before = after
	}
}
