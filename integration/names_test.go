package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// named is a model's name from Hugging Face, whose tag is a file name.
const named = "hf.co/someone/Story-GGUF:story-Q8_0.gguf"

// fhOllama runs a command in dir against o, and returns what it printed, results and errors together.
func fhOllama(t *testing.T, o *harness.Ollama, dir string, args ...string) (string, error) {
	t.Helper()
	program, err := filepath.Abs(o.Prefix.Bin("fh-ollama"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := o.Command(timeout(t), program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Every command that takes a file also takes the name of a model in the running Ollama, and does not change it.
func TestNames(t *testing.T) {
	o, dir := serve(t, patched(t)), t.TempDir()
	full := &modelfile.Modelfile{
		From: []string{trainedModel}, Template: "{{ .System }}\n\t{{ .Prompt }}", System: "You are brief.",
		Parameters: []modelfile.Parameter{{Name: "num_ctx", Value: "256"},
			{Name: "stop", Value: "\n\n"}}, License: []string{"MIT"},
	}
	if err := modelfile.Register(timeout(t), o.Client, named, full, nil); err != nil {
		t.Fatal(err)
	}
	blob := modelfile.FromShow(show(t, o, named)).From[0]
	before := digest(t, blob)

	for _, c := range []struct{ args, want string }{
		{"inspect " + named, "model       " + named + "\nfile        " + blob + ", llama\n"},
		{"inspect " + strings.ToUpper(named), "file        " + blob}, // Ollama's names have no case
		{"inspect " + named, "worth it: "},
		{"doctor " + named, "file     " + named + " (" + blob + "): not converted ("},
		{"convert " + named + " --iterations 1 --quiet --plain", ""},
		{"inspect Story-GGUF-story-Q8_0-flashhead.gguf", "flashhead   2000 clusters"},
		{"convert " + named + " -o own.gguf --iterations 1 --plain",
			" modelfile " + named + " --gguf own.gguf > Modelfile && "},
		{"create --from " + named + " --iterations 1 --plain", "ollama run " + named + "-flashhead\n"},
		{"doctor " + named + "-flashhead", "sound, 2000 clusters"},
		{"eval " + named + "-flashhead --chunks 1 --predict 0 --probes 250 --quiet --json",
			`"file": "` + named + `-flashhead"`},
	} {
		out, err := fhOllama(t, o, dir, strings.Fields(c.args)...)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v\n%s\nwant %q", c.args, err, out, c.want)
		}
	}
	if digest(t, blob) != before {
		t.Error("the model's file changed")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(blob), "*flashhead*")); len(left) > 0 {
		t.Errorf("beside the model's file: %q", left)
	}

	// errors name the model, too
	for _, command := range []string{"eval", "bench"} {
		out, err := fhOllama(t, o, dir, command, named)
		if err == nil || !strings.Contains(out, named+": not converted") ||
			!strings.Contains(out, " on "+named+"\n") {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	out, err := fhOllama(t, o, dir, "convert", named+"-flashhead", "-o", "again.gguf")
	if err == nil || !strings.Contains(out, "fh-ollama: "+named+"-flashhead: already converted\n") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = fhOllama(t, o, dir, "inspect", "none:tag")
	if err == nil || !strings.Contains(out, "none:tag is neither a file nor a model of the Ollama at http://"+
		o.Host+"\n  see `ollama list`") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The commands printed after converting a model by name run as printed, and the Modelfile is the one that create keeps.
func TestModelfileIsWhatIsRegistered(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs a shell")
	}
	o, dir := serve(t, patched(t)), t.TempDir()
	source := &modelfile.Modelfile{
		From: []string{trainedModel}, Template: "{{ .System }}\n\t{{ .Prompt }}\"", System: "You are \"brief\",\nand kind.",
		Parameters: []modelfile.Parameter{{Name: "num_ctx", Value: "256"}, {Name: "stop", Value: "\n\n"},
			{Name: "temperature", Value: "0.5"}},
		Messages: []modelfile.Message{{Role: "user", Content: "hello"}}, License: []string{"one", "two\nlines"},
	}
	if err := modelfile.Register(timeout(t), o.Client, "story:small", source, nil); err != nil {
		t.Fatal(err)
	}
	if out, err := fhOllama(t, o, dir, "create", "--from", "story:small", "--keep", "kept.gguf", "--iterations",
		"1", "--plain"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "kept.gguf.Modelfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"story:small", "story:small-flashhead"} {
		out, err := fhOllama(t, o, dir, "modelfile", name, "--gguf", "kept.gguf")
		if err != nil || out != string(kept) {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, out, kept)
		}
	}

	out, err := fhOllama(t, o, dir, "convert", "story:small", "-o", "my own.gguf", "--iterations", "1", "--plain")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, next, found := strings.Cut(out, "\nnext       ")
	if !found {
		t.Fatalf("it says nothing of what is next:\n%s", out)
	}
	if out, err := fhOllama(t, o, dir, "inspect", "story:small-flashhead"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := o.Command(timeout(t), "sh", "-ec", next)
	run.Dir = dir
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v\n%s", next, err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "Modelfile"))
	if want := bytes.Replace(kept, []byte("./kept.gguf"), []byte("./my own.gguf"), 1); err != nil ||
		!bytes.Equal(text, want) {
		t.Errorf("%v\n%s\nwant\n%s", err, text, want)
	}
	if !hasMap(t, o, "story:small-flashhead") {
		t.Error("the model that it makes has no map")
	}
}
