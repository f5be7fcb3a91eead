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
	"github.com/fh-ollama/fh-ollama/plugin/doctor"
)

// A user installs the plug-in for the installed Ollama, runs a model with it, and uninstalls it. What was downloaded or
// built may be removed after the installation. A release is one program, and needs no compilers.
func TestInstall(t *testing.T) {
	t.Run("release", func(t *testing.T) { installAndBack(t, released) })
	t.Run("build into lib", func(t *testing.T) { installAndBack(t, checkout, "--into-lib") })
}

func installAndBack(t *testing.T, lay func(t *testing.T, dir string) string, flags ...string) {
	m := newMachine(t)
	before := m.tree(t)
	downloads := filepath.Join(m.home, "Downloads")
	program := lay(t, downloads)
	refused, err := m.try(t, program, append([]string{"install", "--ollama", m.installed.Bin("ollama"), "--lib",
		linkedTo(t, "libc.so.6", "GLIBC_2.99")}, flags...)...)
	if err == nil || !strings.Contains(refused,
		"nothing is installed: the C library of this system is older than the plug-in needs (GLIBC_2.99)") {
		t.Errorf("install of a library that cannot be loaded: %v\n%s", err, refused)
	}
	own := slices.DeleteFunc(m.tree(t), func(line string) bool { return strings.Contains(line, "/home/Downloads") })
	if !slices.Equal(own, before) {
		t.Errorf("it leaves\n%s\nbefore there was\n%s", strings.Join(own, "\n"), strings.Join(before, "\n"))
	}

	tool, env := m.install(t, program, flags...)
	if (env == nil) != (len(flags) > 0) {
		t.Fatalf("install says to start the server with %q", env)
	}
	o := serveIn(t, host{Prefix: m.installed}, m.dir, slices.Concat(m.env, env)...)
	register(t, o, "demo", trainedModel)
	create := func(program, name string) {
		t.Helper()
		out, err := o.Run(timeout(t), program, append([]string{"create", name, "--from", "demo"}, mapFlags...)...)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	create(program, "first")
	for _, folder := range []string{downloads, filepath.Join(m.home, ".cache")} {
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
	}
	create(tool, "fast")
	answer := generate(t, o, "fast", prompt, 24).Response
	var report doctor.Report
	if err := readJSON(t, o.Command(timeout(t), tool, "doctor", "--json"), &report); err != nil {
		t.Fatal(err)
	}
	if p := report.Plugin; !strings.HasPrefix(p.Tried, "flash_head: active") || len(p.Installed) != 1 ||
		p.Library != p.Installed[0] || len(p.Running) != 1 || !p.Running[0].Loaded || len(report.Models) != 2 {
		t.Errorf("doctor says %+v", report)
	}
	o.Stop()
	if activeLine(o.Log()) == "" {
		t.Errorf("FlashHead is not active:\n%s", end(o.Log()))
	}

	m.command(t, tool, "uninstall")
	if after := m.tree(t); !slices.Equal(after, before) {
		t.Errorf("uninstall leaves\n%s\nbefore install there was\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	o = serveIn(t, host{Prefix: m.installed}, m.dir, m.env...)
	if dense := generate(t, o, "fast", prompt, 24).Response; dense == "" || answer == "" {
		t.Errorf("answers %q with, %q without the plug-in", answer, dense)
	}
	if strings.Contains(o.Log(), "flash_head:") {
		t.Errorf("after uninstall the plug-in is there:\n%s", end(o.Log()))
	}
}

// checkout copies what a user builds into dir and returns the path of fh-ollama.
func checkout(t *testing.T, dir string) string {
	t.Helper()
	program := filepath.Join(dir, "bin", "fh-ollama")
	copyTree(t, plugin(t).Bin("fh-ollama"), program)
	copyTree(t, filepath.Dir(plugin(t).library()), filepath.Join(dir, "lib", "flashhead"))
	return program
}

// released puts fh-ollama with the plug-in of the build inside into dir, as a release has it, and returns its path.
func released(t *testing.T, dir string) string {
	t.Helper()
	own := prefix(t, "FH_OLLAMA_DIST", "../dist", "fh-ollama build --plugin", "lib/flashhead/"+pluginLibrary,
		"share/fh-ollama/plugin.json")
	overlay, err := harness.Bundle("..", string(own), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
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

// install and on --all are all that it takes, with a real model, calibrated: less than two minutes, which is logged.
func TestFreshMachineWithARealModel(t *testing.T) {
	testlevel.Real(t)
	model := real.Need(t, "smollm2-135m")
	m := newMachine(t)
	program := released(t, m.home)
	begun := time.Now()
	tool, env := m.install(t, program)
	o := serveIn(t, host{Prefix: m.installed}, m.dir, slices.Concat(m.env, env)...)
	register(t, o, "smollm2", model)
	if out, err := o.Run(timeout(t), tool, "on", "--all", "--yes"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if answer := generate(t, o, "smollm2", prompt, 24).Response; answer == "" || activeLine(o.Log()) == "" {
		t.Errorf("it answers %q:\n%s", answer, end(o.Log()))
	}
	t.Logf("from the download to the first answer: %.1f s", time.Since(begun).Seconds())
}
