package integration

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

// copyTree copies a file, or a folder with its content, links as links. Existing files are replaced.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case d.Type().IsRegular():
			return copyFile(path, target)
		}
		return fmt.Errorf("%s is neither file, folder nor link", path)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
