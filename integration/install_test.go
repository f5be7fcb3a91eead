//go:build linux

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/plugin/doctor"
)

// A user installs the plug-in for the installed Ollama, runs a model with it, and uninstalls it.
func TestInstall(t *testing.T) {
	for name, flags := range map[string][]string{"user folder": nil, "into lib": {"--into-lib"}} {
		t.Run(name, func(t *testing.T) { installAndBack(t, flags) })
	}
}

func installAndBack(t *testing.T, flags []string) {
	dir := t.TempDir()
	checkout := harness.Prefix(filepath.Join(dir, "checkout"))
	copyTree(t, filepath.Dir(plugin(t).Bin("fh-ollama")), filepath.Dir(checkout.Bin("fh-ollama")))
	copyTree(t, filepath.Dir(plugin(t).library()), filepath.Join(string(checkout), "lib", "flashhead"))
	tool := checkout.Bin("fh-ollama")
	installed, home, env := stockMachine(t, dir)
	env = append(env, "FH_OLLAMA_CACHE="+t.TempDir(), // of conversions, not of an installation
		"PATH="+filepath.Dir(installed.Bin("ollama"))+string(os.PathListSeparator)+os.Getenv("PATH"))
	try := func(args ...string) (string, error) {
		cmd := exec.CommandContext(timeout(t), tool, args...)
		cmd.Env = append(harness.Environment(dir), env...)
		text, err := cmd.CombinedOutput()
		return string(text), err
	}
	command := func(args ...string) string {
		text, err := try(args...)
		if err != nil {
			t.Fatalf("fh-ollama %v: %v\n%s", args, err, text)
		}
		return text
	}
	run := func(env []string, story func(o *harness.Ollama)) string {
		o, err := harness.Start(timeout(t), installed, dir, env...)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Stop()
		story(o)
		return o.Log()
	}
	before := slices.Concat(tree(t, string(installed)), tree(t, home))

	install := append([]string{"install", "--ollama", installed.Bin("ollama")}, flags...)
	refused, err := try(append(install, "--lib", linkedTo(t, "libc.so.6", "GLIBC_2.99"))...)
	if err == nil || !strings.Contains(refused,
		"nothing is installed: the C library of this system is older than the plug-in needs (GLIBC_2.99)") {
		t.Errorf("install of a library that cannot be loaded: %v\n%s", err, refused)
	}
	if now := slices.Concat(tree(t, string(installed)), tree(t, home)); !slices.Equal(now, before) {
		t.Errorf("it leaves\n%s\nbefore there was\n%s", strings.Join(now, "\n"), strings.Join(before, "\n"))
	}
	said := command(install...)
	if !strings.Contains(said, "flash_head: active on CPU") {
		t.Errorf("install does not say what its trial said:\n%s", said)
	}
	if err := os.RemoveAll(string(checkout)); err != nil {
		t.Fatal(err)
	}
	if tool = printedProgram(said); tool == "" {
		t.Fatalf("install names no program to go on with:\n%s", said)
	}
	variable := printedVariable(said)
	if (variable == "") != (len(flags) > 0) {
		t.Fatalf("install says to start the server with %q:\n%s", variable, said)
	}
	var answer string
	log := run(slices.Concat(env, strings.Fields(variable)), func(o *harness.Ollama) {
		if out, err := o.Run(timeout(t), tool, "create", "fast", "--from", converted(t)); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		answer = generate(t, o, "fast", prompt, 24).Response
		var report doctor.Report
		if err := readJSON(t, o.Command(timeout(t), tool, "doctor", "--json"), &report); err != nil {
			t.Fatal(err)
		}
		if p := report.Plugin; !strings.HasPrefix(p.Tried, "flash_head: active") || len(p.Installed) != 1 ||
			p.Library != p.Installed[0] || len(p.Running) != 1 || !p.Running[0].Loaded {
			t.Errorf("doctor says %+v", p)
		}
		if len(report.Models) != 1 || report.Models[0].Name != "fast:latest" {
			t.Errorf("doctor says that these models use it: %+v", report.Models)
		}
	})
	if !strings.Contains(log, "flash_head: active") {
		t.Errorf("after %v, FlashHead is not active:\n%s", flags, end(log))
	}

	command("uninstall")
	after := slices.DeleteFunc(slices.Concat(tree(t, string(installed)), tree(t, home)), func(line string) bool {
		return strings.Contains(line, "/home/.ollama") // the server's own
	})
	if !slices.Equal(after, before) {
		t.Errorf("uninstall leaves\n%s\nbefore install there was\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	log = run(env, func(o *harness.Ollama) {
		if dense := generate(t, o, "fast", prompt, 24).Response; dense == "" || answer == "" {
			t.Errorf("answers %q with, %q without the plug-in", answer, dense)
		}
	})
	if strings.Contains(log, "flash_head:") {
		t.Errorf("after uninstall the plug-in is there:\n%s", end(log))
	}
}

// stockMachine lays out a machine in dir, with a stock Ollama, an empty home, services of its own and the real processes.
// env is for fh-ollama.
func stockMachine(t *testing.T, dir string) (installed harness.Prefix, home string, env []string) {
	t.Helper()
	installed = harness.Prefix(filepath.Join(dir, "usr"))
	copyTree(t, stock(t).Bin("ollama"), installed.Bin("ollama"))
	copyTree(t, stock(t).Lib(""), installed.Lib(""))
	home = filepath.Join(dir, "home")
	root := filepath.Join(dir, "root")
	for folder, mode := range map[string]os.FileMode{root: 0o755, home: 0o700, filepath.Join(dir, "tmp"): 0o700} {
		if err := os.Mkdir(folder, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/proc", filepath.Join(root, "proc")); err != nil {
		t.Fatal(err)
	}
	return installed, home, []string{"FH_OLLAMA_ROOT=" + root}
}

// printedProgram returns the fh-ollama in the next steps that `fh-ollama install` prints.
func printedProgram(said string) string {
	for line := range strings.Lines(said) {
		if program, found := strings.CutSuffix(strings.TrimSpace(line), " doctor"); found {
			return program
		}
	}
	return ""
}

// printedVariable returns the variable that `fh-ollama install` prints before `ollama serve`; "" if none.
func printedVariable(said string) string {
	for line := range strings.Lines(said) {
		if before, found := strings.CutSuffix(strings.TrimSpace(line), " ollama serve"); found {
			return strings.TrimSpace(strings.TrimPrefix(before, "next"))
		}
	}
	return ""
}
