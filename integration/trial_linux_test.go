package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/plugin/install/trial"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// A trial with the stock Ollama's own llama-server says why a plug-in does not work. TestInstall has those that do.
func TestTrial(t *testing.T) {
	const init = "void *ggml_backend_init(void) "
	source := func(text string) string { return plugintest.Library(t, text) }
	besideLib, noexec := t.TempDir(), t.TempDir()
	copyTree(t, stock(t).Lib(""), besideLib)
	beside := filepath.Join(besideLib, "libggml-zendnn-flashhead.so")
	copyTree(t, linkedTo(t, "libstdc++.so.6", "GLIBCXX_9.9.9"), beside)
	notMounted := unix.Mount("tmpfs", noexec, "tmpfs", unix.MS_NOEXEC, "size=64m")
	if notMounted == nil {
		t.Cleanup(func() { unix.Unmount(noexec, 0) })
	}
	mounted := filepath.Join(noexec, pluginLibrary)
	copyTree(t, plugin(t).library(), mounted)
	for name, c := range map[string]struct {
		library    string
		cause, way string
	}{
		"newer C++ library beside": {beside,
			"the C++ library of this system is older than the plug-in needs (GLIBCXX_9.9.9)", "fh-ollama build --plugin"},
		"symbol of another ggml": {source("extern int ggml_of_tomorrow;\n" + init + "{ return &ggml_of_tomorrow; }\n"),
			"this Ollama has another ggml than the plug-in was built for", "update Ollama"},
		"another version of the interface": {source("static int api[64] = { 99 };\n" + init + "{ return api; }\n"),
			"incompatible API version (backend: 99", "update Ollama"},
		"crash": {source(init + "{ __builtin_trap(); }\n"), "ends with the plug-in: signal: illegal instruction",
			"fh-ollama build"},
		"silent":  {source(init + "{ return 0; }\n"), "does not start: failed to initialize", "fh-ollama build"},
		"missing": {filepath.Join(t.TempDir(), "none.so"), "none.so", "fh-ollama build"},
		"noexec":  {mounted, "it is mounted noexec or forbidden", "--into-lib"},
	} {
		t.Run(name, func(t *testing.T) {
			tried := trial.Trial{LibDir: stock(t).Lib(""), Library: c.library}
			if c.library == beside {
				tried.LibDir, tried.Beside = besideLib, true
			}
			if c.library == mounted && notMounted != nil {
				t.Skip("no file system can be mounted: ", notMounted)
			}
			t.Setenv("LC_ALL", "de_DE.UTF-8")
			t.Setenv("LD_LIBRARY_PATH", t.TempDir())
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)
			line, err := tried.Run(timeout(t))
			if left, _ := os.ReadDir(temporary); len(left) > 0 {
				t.Errorf("left: %v", left)
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
	m := newMachine(t)
	ollama, root := m.installed.Bin("ollama"), filepath.Join(m.dir, "root")
	units, local := filepath.Join(root, "etc/systemd/system"), filepath.Join(root, "usr/local")
	for _, folder := range []string{units, local} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	unit := "[Service]\nUser=nobody\nExecStart=" + ollama + " serve\n"
	if err := os.WriteFile(filepath.Join(units, "ollama.service"), []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	openFolders(t, m.installed.Lib("x"))
	run := func(args ...string) (string, error) {
		return m.try(t, "/bin/sh", append([]string{"-c", `umask 077; exec "$0" "$@"`, plugin(t).Bin("fh-ollama")},
			args...)...)
	}
	before := tree(t, root)
	if err := os.Chmod(local, 0o700); err != nil {
		t.Fatal(err)
	}
	said, err := run("install", "--ollama", ollama)
	if err == nil || !strings.Contains(said,
		"nothing is installed: the user nobody, who runs Ollama, may not read the plug-in") {
		t.Errorf("a folder that the service's user may not enter: %v\n%s", err, said)
	}
	if err := os.Chmod(local, 0o755); err != nil {
		t.Fatal(err)
	}
	if now := tree(t, root); !slices.Equal(now, before) {
		t.Errorf("it leaves\n%s\nbefore there was\n%s", strings.Join(now, "\n"), strings.Join(before, "\n"))
	}
	if said, err = run("install", "--ollama", ollama); err != nil ||
		!strings.Contains(said, "llama-server: flash_head: active on CPU") {
		t.Errorf("with a umask of 077: %v\n%s", err, said)
	}
	if said, err = run("uninstall"); err != nil || !slices.Equal(tree(t, root), before) {
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
