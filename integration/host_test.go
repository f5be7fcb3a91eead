package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// pluginLibrary is the file name of the plug-in.
const pluginLibrary = "libggml-flashhead.so"

// host is an Ollama with the environment of its programs.
type host struct {
	harness.Prefix
	env []string
	off string // the log's line with FLASHHEAD_ENABLED=0
}

// environment returns the host's environment with env, which overrides it.
func (h host) environment(env []string) []string {
	return append(append([]string{}, h.env...), env...)
}

// run runs a program in the host's environment with env, and returns what it printed, results and errors together. It
// must succeed.
func (h host) run(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(timeout(t), program, args...)
	cmd.Env = slices.Concat(harness.Environment(scratch), []string{"TMPDIR=" + scratch}, h.environment(env))
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, text)
	}
	return string(text)
}

// onBothHosts runs a test with both runtimes that have FlashHead: the patched one, and the stock one with the plug-in.
func onBothHosts(t *testing.T, test func(*testing.T, host)) {
	t.Run("patched", func(t *testing.T) { test(t, patched(t)) })
	t.Run("plugin", func(t *testing.T) { test(t, plugin(t)) })
}

// onHosts runs a test of what both runtimes have in common: with the patched one, and where long tests run with the
// plug-in, too.
func onHosts(t *testing.T, test func(*testing.T, host)) {
	if testlevel.IsLong() {
		onBothHosts(t, test)
		return
	}
	t.Run("patched", func(t *testing.T) { test(t, patched(t)) })
}

// patched returns the build with FlashHead inside.
func patched(t *testing.T) host {
	t.Helper()
	p := prefix(t, "FH_OLLAMA_DIST", "../dist", "fh-ollama build", "bin/ollama", "bin/fh-ollama",
		"lib/ollama/llama-flashhead")
	return host{Prefix: p, env: []string{ownLogits}, off: "flash_head: inactive: FLASHHEAD_ENABLED=0"}
}

// Tests judge FlashHead's own logits, and a few the tokens that the dense head checks.
const (
	ownLogits = "FLASHHEAD_EXACT=off"
	checked   = "FLASHHEAD_EXACT=" // the default
)

// stock returns the same Ollama without the patches.
func stock(t *testing.T) host {
	t.Helper()
	return host{Prefix: prefix(t, "FH_OLLAMA_STOCK", "../dist-stock", "fh-ollama build --stock")}
}

// plugin returns a copy of the stock Ollama with fh-ollama and the plug-in in the layout of `fh-ollama build --plugin`,
// and an environment in which Ollama loads the plug-in. FH_OLLAMA_PLUGIN names another library to load.
func plugin(t *testing.T) host {
	t.Helper()
	p := harness.Prefix(filepath.Join(scratch, "plugin"))
	if _, err := os.Stat(string(p)); errors.Is(err, fs.ErrNotExist) {
		layOutPlugin(t, p)
	}
	h := host{Prefix: p}
	h = withPlugin(h, h.library())
	h.env = append(h.env, "PATH="+filepath.Dir(p.Bin("ollama"))+string(os.PathListSeparator)+os.Getenv("PATH"))
	return h
}

// library returns the path of the plug-in in plugin's prefix.
func (h host) library() string {
	return filepath.Join(string(h.Prefix), "lib", "flashhead", pluginLibrary)
}

// withPlugin returns h with programs that load the library at path.
func withPlugin(h host, path string) host {
	h.env = append(h.environment(nil), "GGML_BACKEND_PATH="+path)
	h.off = "flash_head: the plug-in rests: FLASHHEAD_ENABLED=0"
	return h
}

// layOutPlugin copies the files of a user of the plug-in to the prefix p.
func layOutPlugin(t *testing.T, p harness.Prefix) {
	t.Helper()
	ollama := stock(t)
	own := prefix(t, "FH_OLLAMA_DIST", "../dist", "fh-ollama build --plugin", "bin/fh-ollama",
		"lib/flashhead/"+pluginLibrary)
	half := string(p) + ".half"
	for from, to := range map[string]string{
		ollama.Bin("ollama"):                           "bin/ollama",
		own.Bin("fh-ollama"):                           "bin/fh-ollama",
		filepath.Join(string(ollama.Prefix), "lib"):    "lib",
		filepath.Join(string(own), "lib", "flashhead"): "lib/flashhead",
	} {
		copyTree(t, from, filepath.Join(half, filepath.FromSlash(to)))
	}
	if other := os.Getenv("FH_OLLAMA_PLUGIN"); other != "" {
		copyTree(t, other, filepath.Join(half, "lib", "flashhead", pluginLibrary))
	}
	if err := os.Rename(half, string(p)); err != nil {
		t.Fatal(err)
	}
}

// prefix returns the folder that the environment variable names, or the standard one. It must have the files.
func prefix(t *testing.T, variable, standard, command string, files ...string) harness.Prefix {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a whole build; not with -short")
	}
	dir := standard
	if v := os.Getenv(variable); v != "" {
		dir = v
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := harness.Prefix(abs)
	if len(files) == 0 {
		err = p.Check()
	}
	for _, file := range files {
		if err == nil {
			_, err = os.Stat(filepath.Join(abs, filepath.FromSlash(file)))
		}
	}
	if err != nil {
		t.Fatalf("%v\n  make it with `%s`, or let `make test` do it; %s names another folder", err, command, variable)
	}
	return p
}

// copyTree copies a file, or a folder with its content, links as links. A single file may replace another.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		err = os.CopyFS(to, os.DirFS(from))
	} else {
		var data []byte
		data, err = os.ReadFile(from)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, info.Mode().Perm()))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// readJSON runs cmd and decodes what it prints into result. It returns how cmd ended, with what it said.
func readJSON(t *testing.T, cmd *exec.Cmd, result any) error {
	t.Helper()
	var said strings.Builder
	cmd.Stderr = &said
	out, failed := cmd.Output()
	if failed != nil {
		failed = fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), failed, said.String())
	}
	if err := json.Unmarshal(out, result); err != nil {
		t.Fatalf("%v, %v\n%s", failed, err, out)
	}
	return failed
}

// reported decodes what `fh-ollama COMMAND --json` of h prints into report. The command must leave no files behind.
func reported(t *testing.T, h host, report any, env []string, command string, args ...string) {
	t.Helper()
	cache := t.TempDir()
	cmd := exec.CommandContext(timeout(t), h.Bin("fh-ollama"),
		append([]string{command, "--json", "--lib", filepath.Dir(h.Lib("x"))}, args...)...)
	cmd.Env = slices.Concat(harness.Environment(scratch), []string{"FH_OLLAMA_CACHE=" + cache}, env, h.env)
	if err := readJSON(t, cmd, report); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Join(cache, "temporary")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
