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
)

// pluginLibrary is the file name of the plug-in.
const pluginLibrary = "libggml-flashhead.so"

// host is an Ollama and what its programs need in their environment.
type host struct {
	harness.Prefix
	env []string
	off string // what the log says where FLASHHEAD_ENABLED is 0
}

// environment is that of the host with env, which wins, added. Tests look at FlashHead's own logits unless they say that
// the dense head checks them.
func (h host) environment(env []string) []string {
	return append(append([]string{"FLASHHEAD_EXACT=off"}, h.env...), env...)
}

// onBothHosts runs a test with each of the runtimes that have FlashHead: the patched one, and the stock one that loads
// the plug-in.
func onBothHosts(t *testing.T, test func(*testing.T, host)) {
	t.Run("patched", func(t *testing.T) { test(t, patched(t)) })
	t.Run("plugin", func(t *testing.T) { test(t, plugin(t)) })
}

// patched is the build with FlashHead inside.
func patched(t *testing.T) host {
	t.Helper()
	p := prefix(t, "FH_OLLAMA_DIST", "../dist", "fh-ollama build", "bin/ollama", "bin/fh-ollama",
		"lib/ollama/llama-flashhead")
	return host{Prefix: p, off: "flash_head: inactive: FLASHHEAD_ENABLED=0"}
}

// stock is the same Ollama without the patches.
func stock(t *testing.T) host {
	t.Helper()
	return host{Prefix: prefix(t, "FH_OLLAMA_STOCK", "../dist-stock", "fh-ollama build --stock")}
}

// plugin is a copy of the stock Ollama, with fh-ollama and the plug-in as `fh-ollama build --plugin` alone leaves them,
// and an environment that makes Ollama load it. FH_OLLAMA_PLUGIN names another library to load.
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

// library is the path of the plug-in in the prefix that plugin lays out.
func (h host) library() string {
	return filepath.Join(string(h.Prefix), "lib", "flashhead", pluginLibrary)
}

// withPlugin is h with the library at path loaded by its programs.
func withPlugin(h host, path string) host {
	h.env = append(h.environment(nil), "GGML_BACKEND_PATH="+path)
	h.off = "flash_head: the plug-in rests: FLASHHEAD_ENABLED=0"
	return h
}

// layOutPlugin copies what a user of the plug-in has to the prefix p.
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

// prefix is the folder that the environment variable names, or the standard one, if it has the files.
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

// copyTree copies a file, or a folder with all that is in it, links as links. Files that are there are replaced.
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
