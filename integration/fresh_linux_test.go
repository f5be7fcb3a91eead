package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

// Someone with a stock Ollama and without compilers unpacks a release, which is one program, and has a faster model.
// Nothing but the program is used, before it is installed and afterwards.
func TestFreshMachine(t *testing.T) {
	dir := t.TempDir()
	installed, home, env := stockMachine(t, dir)
	tools := filepath.Dir(installed.Bin("ollama"))
	env = append(env, "PATH="+tools)
	before := tree(t, home)
	downloads := filepath.Join(home, "Downloads")
	if err := os.Mkdir(downloads, 0o755); err != nil {
		t.Fatal(err)
	}
	download := filepath.Join(downloads, "fh-ollama")
	mustCopy(t, released(t), download)

	start := time.Now()
	command := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(timeout(t), program, args...)
		cmd.Env = append(harness.Environment(dir), env...)
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("fh-ollama %v: %v\n%s", args, err, text)
		}
		return string(text)
	}
	said := command(download, "install", "--ollama", installed.Bin("ollama")) // not one that runs on this machine
	if !strings.Contains(said, "flash_head: active on CPU") {
		t.Errorf("install does not say what its trial said:\n%s", said)
	}
	variable, program := printedVariable(said), printedProgram(said)
	if variable == "" || program == "" {
		t.Fatalf("install does not say how to go on:\n%s", said)
	}

	o, err := harness.Start(timeout(t), installed, dir, append(env, variable)...)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Stop()
	register(t, o, "demo", trainedModel)
	create := func(program, name string) {
		t.Helper()
		if out, err := o.Run(timeout(t), program, "create", name, "--from", "demo", "--no-calibrate"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	create(download, "fast")
	if answer := generate(t, o, "fast", prompt, 24).Response; answer == "" {
		t.Error("the model answers nothing")
	}
	if !strings.Contains(o.Log(), "flash_head: active") {
		t.Errorf("FlashHead is not active:\n%s", end(o.Log()))
	}
	t.Logf("from the download to the first answer: %.1f s", time.Since(start).Seconds())

	// Of the native tool, which was unpacked, the cache has one copy, and nothing else is left there.
	cache := filepath.Join(home, ".cache", "fh-ollama")
	files := func() []string {
		return slices.DeleteFunc(tree(t, cache), func(line string) bool { return strings.Contains(line, " drwx") })
	}
	unpacked := files()
	if len(unpacked) != 2 || !strings.Contains(unpacked[0], "/libflashhead-tool.so -rwxr-xr-x ") ||
		!strings.Contains(unpacked[1], "/llama-flashhead -rwxr-xr-x ") {
		t.Errorf("in the cache there is\n%s", strings.Join(unpacked, "\n"))
	}
	create(download, "again")
	if again := files(); !slices.Equal(again, unpacked) {
		t.Errorf("in the cache there is\n%s\nand then\n%s", strings.Join(unpacked, "\n"), strings.Join(again, "\n"))
	}

	for _, folder := range []string{cache, downloads} {
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
	}
	create(program, "third")
	if out, err := o.Run(timeout(t), program, "doctor"); err != nil {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	command(program, "uninstall")
	os.RemoveAll(filepath.Join(home, ".cache"))
	after := slices.DeleteFunc(tree(t, home), func(line string) bool {
		return strings.Contains(line, "/home/.ollama") // the server's own
	})
	if !slices.Equal(after, before) {
		t.Errorf("uninstall leaves\n%s\nbefore install there was\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}

// released returns the path of fh-ollama with the plug-in of the build inside, as a release has it.
func released(t *testing.T) string {
	t.Helper()
	own := prefix(t, "FH_OLLAMA_DIST", "../dist", "fh-ollama build --plugin", "lib/flashhead/"+pluginLibrary,
		"share/fh-ollama/plugin.json")
	dir := t.TempDir()
	overlay, err := harness.Bundle("..", string(own), dir)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "fh-ollama")
	cmd := exec.CommandContext(timeout(t), "go", "build", "-tags", "bundle", "-overlay", overlay, "-o", program,
		"../cmd/fh-ollama")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}
