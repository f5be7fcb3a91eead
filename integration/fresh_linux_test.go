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
	"github.com/fh-ollama/fh-ollama/integration/real"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// freshMachine has a stock Ollama and no compilers. Someone has downloaded a release, which is one program, installed it,
// and started Ollama.
type freshMachine struct {
	o                 *harness.Ollama
	home, downloads   string
	download, program string   // fh-ollama, as downloaded and as installed
	before            []string // files in home before
	start             time.Time
	command           func(program string, args ...string) string
}

func newFreshMachine(t *testing.T) *freshMachine {
	dir := t.TempDir()
	installed, home, env := stockMachine(t, dir)
	env = append(env, "PATH="+filepath.Dir(installed.Bin("ollama")))
	m := &freshMachine{home: home, before: tree(t, home), downloads: filepath.Join(home, "Downloads")}
	if err := os.Mkdir(m.downloads, 0o755); err != nil {
		t.Fatal(err)
	}
	m.download = filepath.Join(m.downloads, "fh-ollama")
	copyTree(t, released(t), m.download)

	m.start = time.Now()
	m.command = func(program string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(timeout(t), program, args...)
		cmd.Env = append(harness.Environment(dir), env...)
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("fh-ollama %v: %v\n%s", args, err, text)
		}
		return string(text)
	}
	said := m.command(m.download, "install", "--ollama", installed.Bin("ollama")) // not one that runs on this machine
	if !strings.Contains(said, "flash_head: active on CPU") {
		t.Errorf("install does not say what its trial said:\n%s", said)
	}
	variable := ""
	if variable, m.program = printedVariable(said), printedProgram(said); variable == "" || m.program == "" {
		t.Fatalf("install does not say how to go on:\n%s", said)
	}
	var err error
	if m.o, err = harness.Start(timeout(t), installed, dir, append(env, variable)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.o.Stop)
	return m
}

// answers has a model answer and logs how long it took to get there.
func (m *freshMachine) answers(t *testing.T, model string) {
	t.Helper()
	if answer := generate(t, m.o, model, prompt, 24).Response; answer == "" {
		t.Error("the model answers nothing")
	}
	if !strings.Contains(m.o.Log(), "flash_head: active") {
		t.Errorf("FlashHead is not active:\n%s", end(m.o.Log()))
	}
	t.Logf("from the download to the first answer: %.1f s", time.Since(m.start).Seconds())
}

// install and on --all are all that it takes, with a real model, calibrated: less than two minutes, which is logged.
func TestFreshMachineWithARealModel(t *testing.T) {
	testlevel.Real(t)
	model := real.Need(t, "smollm2-135m") // before the clock starts
	m := newFreshMachine(t)
	register(t, m.o, "smollm2", model)
	if out, err := m.o.Run(timeout(t), m.download, "on", "--all", "--yes"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m.answers(t, "smollm2")
}

// Nothing but the downloaded program is used, before it is installed and afterwards, and uninstall leaves nothing.
func TestFreshMachine(t *testing.T) {
	m := newFreshMachine(t)
	o, home, download := m.o, m.home, m.download
	register(t, o, "demo", trainedModel)
	create := func(program, name string) {
		t.Helper()
		if out, err := o.Run(timeout(t), program, "create", name, "--from", "demo", "--no-calibrate"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	create(download, "fast")
	m.answers(t, "fast")

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

	for _, folder := range []string{cache, m.downloads} {
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
	}
	create(m.program, "third")
	if out, err := o.Run(timeout(t), m.program, "doctor"); err != nil {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	m.command(m.program, "uninstall")
	os.RemoveAll(filepath.Join(home, ".cache"))
	after := slices.DeleteFunc(tree(t, home), func(line string) bool {
		return strings.Contains(line, "/home/.ollama") // the server's own
	})
	if !slices.Equal(after, m.before) {
		t.Errorf("uninstall leaves\n%s\nbefore install there was\n%s", strings.Join(after, "\n"), strings.Join(m.before, "\n"))
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
