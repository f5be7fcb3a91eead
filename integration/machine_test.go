package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

// machine has a stock Ollama, an empty home, services of its own and the real processes.
type machine struct {
	dir, home string
	installed harness.Prefix // the stock Ollama
	env       []string       // for fh-ollama
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{dir: dir, home: filepath.Join(dir, "home"), installed: harness.Prefix(filepath.Join(dir, "usr"))}
	copyTree(t, stock(t).Bin("ollama"), m.installed.Bin("ollama"))
	copyTree(t, stock(t).Lib(""), m.installed.Lib(""))
	root := filepath.Join(dir, "root")
	for folder, mode := range map[string]os.FileMode{root: 0o755, m.home: 0o700, filepath.Join(dir, "tmp"): 0o700} {
		if err := os.Mkdir(folder, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/proc", filepath.Join(root, "proc")); err != nil {
		t.Fatal(err)
	}
	m.env = []string{"FH_OLLAMA_ROOT=" + root, "PATH=" + filepath.Dir(m.installed.Bin("ollama"))} // no compilers
	return m
}

// try runs a program on the machine and returns what it printed.
func (m *machine) try(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(timeout(t), program, args...)
	cmd.Env = append(harness.Environment(m.dir), m.env...)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// command is try for a program that must succeed.
func (m *machine) command(t *testing.T, program string, args ...string) string {
	t.Helper()
	text, err := m.try(t, program, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, text)
	}
	return text
}

// install runs `program install`. It returns the program and the environment that the next steps name.
func (m *machine) install(t *testing.T, program string, flags ...string) (installed string, env []string) {
	t.Helper()
	// not an Ollama that runs on this machine
	said := m.command(t, program, append([]string{"install", "--ollama", m.installed.Bin("ollama")}, flags...)...)
	if !strings.Contains(said, "flash_head: active on CPU") {
		t.Errorf("install does not say what its trial said:\n%s", said)
	}
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if before, found := strings.CutSuffix(line, " doctor"); found {
			installed = before
		}
		if before, found := strings.CutSuffix(line, " ollama serve"); found {
			env = strings.Fields(strings.TrimPrefix(before, "next"))
		}
	}
	if installed == "" {
		t.Fatalf("install names no program to go on with:\n%s", said)
	}
	return installed, env
}

// tree describes the stock Ollama and the home, without what Ollama and the cache keep there.
func (m *machine) tree(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(slices.Concat(tree(t, string(m.installed)), tree(t, m.home)), func(line string) bool {
		return strings.Contains(line, "/home/.ollama") || strings.Contains(line, "/home/.cache")
	})
}
