package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/plugin/install/trial"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// A trial with the stock Ollama's own llama-server reports that the plug-in works, or why it does not.
func TestTrial(t *testing.T) {
	good := plugin(t).library()
	lib := t.TempDir()
	if err := os.Chmod(lib, 0o755); err != nil {
		t.Fatal(err)
	}
	copyTree(t, stock(t).Lib(""), lib)
	place := func(dir, library string) string {
		path := filepath.Join(dir, "libggml-flashhead.so")
		copyTree(t, library, path)
		return path
	}
	for _, c := range []struct {
		name       string
		lay        func(t *testing.T) trial.Trial // LibDir is set if it is ""
		cause, way string                         // "" for a plug-in that works
	}{
		{"works", func(t *testing.T) trial.Trial { return trial.Trial{Library: good} }, "", ""},
		{"works beside", func(t *testing.T) trial.Trial {
			dir := t.TempDir()
			copyTree(t, lib, dir)
			path := filepath.Join(dir, "libggml-zendnn-flashhead.so")
			copyTree(t, good, path)
			return trial.Trial{LibDir: dir, Library: path, Beside: true}
		}, "", ""},
		{"newer C library", func(t *testing.T) trial.Trial {
			return trial.Trial{Library: linkedTo(t, "libc.so.6", "GLIBC_2.99")}
		}, "the C library of this system is older than the plug-in needs (GLIBC_2.99)", "fh-ollama build --plugin"},
		{"newer C++ library beside", func(t *testing.T) trial.Trial {
			dir := t.TempDir()
			copyTree(t, lib, dir)
			path := filepath.Join(dir, "libggml-zendnn-flashhead.so")
			copyTree(t, linkedTo(t, "libstdc++.so.6", "GLIBCXX_9.9.9"), path)
			return trial.Trial{LibDir: dir, Library: path, Beside: true}
		}, "the C++ library of this system is older than the plug-in needs (GLIBCXX_9.9.9)", "fh-ollama build --plugin"},
		{"symbol of another ggml", func(t *testing.T) trial.Trial {
			return trial.Trial{Library: plugintest.Library(t,
				"extern int ggml_of_tomorrow;\nvoid *ggml_backend_init(void) { return &ggml_of_tomorrow; }\n")}
		}, "this Ollama has another ggml than the plug-in was built for", "update Ollama"},
		{"another version of the interface", func(t *testing.T) trial.Trial {
			return trial.Trial{Library: plugintest.Library(t,
				"static int api[64] = { 99 };\nvoid *ggml_backend_init(void) { return api; }\n")}
		}, "incompatible API version (backend: 99", "update Ollama"},
		{"crash", func(t *testing.T) trial.Trial {
			return trial.Trial{Library: plugintest.Library(t, "void *ggml_backend_init(void) { __builtin_trap(); }\n")}
		}, "ends with the plug-in: signal: illegal instruction", "fh-ollama build"},
		{"silent", func(t *testing.T) trial.Trial {
			return trial.Trial{Library: plugintest.Library(t, "void *ggml_backend_init(void) { return 0; }\n")}
		}, "does not start: failed to initialize", "fh-ollama build"},
		{"missing", func(t *testing.T) trial.Trial { return trial.Trial{Library: filepath.Join(lib, "none.so")} }, "none.so",
			"fh-ollama build"},
		{"noexec", func(t *testing.T) trial.Trial {
			dir := t.TempDir()
			if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOEXEC, "size=64m"); err != nil {
				t.Skip("no file system can be mounted: ", err)
			}
			t.Cleanup(func() { unix.Unmount(dir, 0) })
			return trial.Trial{Library: place(dir, good)}
		}, "it is mounted noexec or forbidden", "--into-lib"},
		{"another user", func(t *testing.T) trial.Trial {
			if os.Geteuid() != 0 {
				t.Skip("only root can run programs as another user")
			}
			openFolders(t, lib)
			path := place(t.TempDir(), good)
			openFolders(t, path)
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			return trial.Trial{Library: path, Account: "nobody"}
		}, "the user nobody, who runs Ollama, may not read the plug-in", "chmod a+r"},
		{"works for another user", func(t *testing.T) trial.Trial {
			if os.Geteuid() != 0 {
				t.Skip("only root can run programs as another user")
			}
			openFolders(t, lib)
			path := place(t.TempDir(), good)
			openFolders(t, path)
			return trial.Trial{Library: path, Account: "nobody"}
		}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tried := c.lay(t)
			if tried.LibDir == "" {
				tried.LibDir = lib
			}
			t.Setenv("LC_ALL", "de_DE.UTF-8")
			t.Setenv("LD_LIBRARY_PATH", t.TempDir())
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)
			line, err := tried.Run(timeout(t))
			if left, _ := os.ReadDir(temporary); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if c.cause == "" {
				if err != nil || line != "flash_head: active on CPU" {
					t.Errorf("%q, %v", line, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.cause) || !strings.Contains(hint.Of(err), c.way) || line != "" {
				t.Errorf("%q, %v\n%s", line, err, hint.Of(err))
			}
		})
	}
}

// A service's library is tried as the service's user, so a library or folder that only root may read is refused.
func TestInstallForService(t *testing.T) {
	testlevel.Long(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can install for another user")
	}
	tool := plugin(t).Bin("fh-ollama")
	dir := t.TempDir()
	usr, root := filepath.Join(dir, "usr"), filepath.Join(dir, "root")
	copyTree(t, stock(t).Bin("ollama"), filepath.Join(usr, "bin", "ollama"))
	copyTree(t, stock(t).Lib(""), filepath.Join(usr, "lib", "ollama"))
	units := filepath.Join(root, "etc/systemd/system")
	local := filepath.Join(root, "usr/local")
	for _, folder := range []string{units, local, filepath.Join(dir, "tmp"), filepath.Join(dir, "home")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	unit := "[Service]\nUser=nobody\nExecStart=" + filepath.Join(usr, "bin", "ollama") + " serve\n"
	if err := os.WriteFile(filepath.Join(units, "ollama.service"), []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	openFolders(t, usr)
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(timeout(t), "sh", append([]string{"-c", `umask 077; exec "$0" "$@"`, tool}, args...)...)
		cmd.Env = append(harness.Environment(dir), "FH_OLLAMA_ROOT="+root, "GGML_BACKEND_PATH=")
		text, err := cmd.CombinedOutput()
		return string(text), err
	}
	before := tree(t, dir)
	if err := os.Chmod(local, 0o700); err != nil {
		t.Fatal(err)
	}
	said, err := run("install", "--ollama", filepath.Join(usr, "bin", "ollama"))
	if err == nil || !strings.Contains(said,
		"nothing is installed: the user nobody, who runs Ollama, may not read the plug-in") {
		t.Errorf("a folder that the service's user may not enter: %v\n%s", err, said)
	}
	if err := os.Chmod(local, 0o755); err != nil {
		t.Fatal(err)
	}
	if now := tree(t, dir); !slices.Equal(now, before) {
		t.Errorf("it leaves\n%s\nbefore there was\n%s", strings.Join(now, "\n"), strings.Join(before, "\n"))
	}
	if said, err = run("install", "--ollama", filepath.Join(usr, "bin", "ollama")); err != nil ||
		!strings.Contains(said, "llama-server: flash_head: active on CPU") {
		t.Errorf("with a umask of 077: %v\n%s", err, said)
	}
	if said, err = run("uninstall"); err != nil || !slices.Equal(tree(t, dir), before) {
		t.Errorf("uninstall: %v\n%s", err, said)
	}
}

// openFolders lets everybody enter the folders above path that this test made.
func openFolders(t *testing.T, path string) {
	t.Helper()
	for dir := filepath.Dir(path); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// linkedTo makes a plug-in that needs a symbol of this version from a system library.
func linkedTo(t *testing.T, library, version string) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "versions")
	if err := os.WriteFile(script, []byte(version+" { global: of_tomorrow; };\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	system := plugintest.Library(t, "void of_tomorrow(void) {}\n", "-Wl,-soname,"+library, "-Wl,--version-script,"+script,
		"-nostdlib")
	return plugintest.Library(t, "void of_tomorrow(void);\nvoid *ggml_backend_init(void) { of_tomorrow(); return 0; }\n"+
		"int ggml_backend_score(void) { return 1; }\n", system)
}
