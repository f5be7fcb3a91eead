package placement

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// machine is a machine in a folder, with an Ollama in usr/local and no other.
type machine struct {
	t *testing.T
	Options
}

func newMachine(t *testing.T) machine {
	t.Helper()
	if err := supported(); err != nil {
		t.Skip(err)
	}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(root, "home/ann")
	m := machine{t, Options{Program: "/opt/fh ollama/fh-ollama", Library: libraryV1(t), Places: installation.Places{
		Root: root, Proc: filepath.Join(root, "proc"), Home: home, UID: os.Getuid(), Port: 11434,
		DataHome: filepath.Join(home, ".local/share"), ConfigHome: filepath.Join(home, ".config"),
	}}}
	m.write("usr/local/bin/ollama", "#!/bin/sh\necho Warning: client version is 0.34.2\n", 0o755)
	for _, name := range []string{"llama-server", "libggml-base.so.0", "libggml-cpu-haswell.so"} {
		m.write("usr/local/lib/ollama/"+name, name, 0o755)
	}
	m.write("home/ann/notes", "mine", 0o644)
	return m
}

func (m machine) path(below string) string { return filepath.Join(m.Places.Root, below) }

func (m machine) write(path, content string, mode os.FileMode) {
	m.t.Helper()
	path = m.path(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) read(path string) string {
	m.t.Helper()
	data, err := os.ReadFile(m.path(path))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data)
}

func (m machine) exists(path string) bool {
	_, err := os.Lstat(m.path(path))
	return err == nil
}

const unitFile = "etc/systemd/system/ollama.service"

func (m machine) service() {
	m.write(unitFile, "[Service]\nExecStart="+m.path("usr/local/bin/ollama")+" serve\n", 0o644)
}

// serve describes a server that runs with these variables.
func (m machine) serve(env ...string) {
	m.write("proc/70/cmdline", m.path("usr/local/bin/ollama")+"\x00serve\x00", 0o644)
	m.write("proc/70/status", fmt.Sprintf("PPid:\t1\nUid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\n", m.Places.UID), 0o644)
	m.write("proc/70/cgroup", "0::/\n", 0o644)
	m.write("proc/70/environ", strings.Join(env, "\x00"), 0o644)
}

// tree lists everything below the root with its content.
func (m machine) tree() string {
	m.t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(m.Places.Root, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v", path, info.Mode())
		if !e.IsDir() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %s", sum(data))
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return b.String()
}

func (m machine) install() Result {
	m.t.Helper()
	r, err := Install(context.Background(), m.Options)
	if err != nil {
		m.t.Fatalf("%v, %q", err, hint.Of(err))
	}
	return r
}

func (m machine) uninstall() Result {
	m.t.Helper()
	r, err := Uninstall(context.Background(), m.Options)
	if err != nil {
		m.t.Fatalf("%v, %q", err, hint.Of(err))
	}
	return r
}

// refused checks that installing fails with these words and changes nothing.
func (m machine) refused(cause, way string) {
	m.t.Helper()
	before := m.tree()
	_, err := Install(context.Background(), m.Options)
	if err == nil || !strings.Contains(err.Error(), cause) || !strings.Contains(hint.Of(err), way) {
		m.t.Errorf("%v, %q", err, hint.Of(err))
	}
	if m.tree() != before {
		m.t.Error("something was changed")
	}
}

// shows checks that the report has all of these lines, white space aside.
func shows(t *testing.T, r Result, lines ...string) {
	t.Helper()
	text := "\n" + strings.Join(strings.FieldsFunc(r.String(), func(c rune) bool { return c == ' ' }), " ") + "\n"
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") && !strings.Contains(text, "\n "+line+"\n") {
			t.Errorf("no line %q in\n%s", line, r)
		}
	}
}

// compile makes a shared library of C source, kept for the whole test run by name.
func compile(t *testing.T, source string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the plug-in is for Linux")
	}
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a C compiler")
	}
	dir := t.TempDir()
	c, so := filepath.Join(dir, "x.c"), filepath.Join(dir, "x.so")
	if err := os.WriteFile(c, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(compiler, "-shared", "-fPIC", "-o", so, c).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return so
}

func libraryV1(t *testing.T) string {
	return compile(t, "void *ggml_backend_init(void) { return 0; }\nint ggml_backend_score(void) { return 1; }\n")
}

func libraryV2(t *testing.T) string {
	return compile(t, "void *ggml_backend_init(void) { return 0; }\nint ggml_backend_score(void) { return 2; }\n")
}

const (
	userLibrary   = "home/ann/.local/share/fh-ollama/lib/" + LibraryName
	systemLibrary = "usr/local/lib/fh-ollama/" + LibraryName
	besideLibrary = "usr/local/lib/ollama/" + BesideName
	dropInFile    = unitFile + ".d/" + dropInName
)

func TestUser(t *testing.T) {
	m := newMachine(t)
	before := m.tree()
	m.DryRun = true
	r := m.install()
	shows(t, r, "found Ollama 0.34.2 at "+m.path("usr/local/bin/ollama"), "would place "+m.path(userLibrary),
		"next GGML_BACKEND_PATH="+m.path(userLibrary)+" ollama serve", "fh-ollama doctor")
	if m.tree() != before {
		t.Error("a dry run has changed something")
	}
	m.DryRun = false
	shows(t, m.install(), "placed "+m.path(userLibrary))
	if m.read(userLibrary) != read(t, m.Library) {
		t.Error("the copy differs")
	}
	installed := m.tree()
	shows(t, m.install(), "kept "+m.path(userLibrary)+": it is up to date")
	if m.tree() != installed {
		t.Error("installing twice is not installing once")
	}
	m.DryRun = true
	shows(t, m.uninstall(), "would remove "+m.path(userLibrary))
	if m.tree() != installed {
		t.Error("a dry run has removed something")
	}
	m.DryRun = false
	shows(t, m.uninstall(), "removed "+m.path(userLibrary), "note start `ollama serve` without GGML_BACKEND_PATH from now on")
	if after := m.tree(); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
	shows(t, m.uninstall(), "nothing fh-ollama install has placed nothing here")
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestService(t *testing.T) {
	m := newMachine(t)
	m.service()
	before := m.tree()
	m.DryRun = true
	shows(t, m.install(), "would place "+m.path(dropInFile), "[Service]", `Environment="GGML_BACKEND_PATH=`+m.path(systemLibrary)+`"`)
	m.DryRun = false
	shows(t, m.install(), "found Ollama 0.34.2 at "+m.path("usr/local/bin/ollama")+", systemd's ollama.service",
		"placed "+m.path(systemLibrary), "placed "+m.path(dropInFile), "next systemctl daemon-reload && systemctl restart ollama")
	want := "# Made by fh-ollama install; fh-ollama uninstall removes it.\n[Service]\nEnvironment=\"GGML_BACKEND_PATH=" + m.path(systemLibrary) + "\"\n"
	if got := m.read(dropInFile); got != want {
		t.Errorf("drop-in:\n%s", got)
	}
	found, err := installation.Find(context.Background(), m.Places)
	if err != nil || found[0].Unit.BackendPath != m.path(systemLibrary) || found[0].Unit.SetBy != m.path(dropInFile) {
		t.Errorf("systemd would not see it: %+v, %v", found, err)
	}
	shows(t, m.install(), "kept "+m.path(dropInFile)+": it is up to date")
	shows(t, m.uninstall(), "removed "+m.path(dropInFile), "next systemctl daemon-reload && systemctl restart ollama")
	if after := m.tree(); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
}

func TestUserService(t *testing.T) {
	m := newMachine(t)
	unit := "home/ann/.config/systemd/user/ollama.service"
	m.write(unit, "[Service]\nExecStart="+m.path("usr/local/bin/ollama")+" serve\n", 0o644)
	shows(t, m.install(), "placed "+m.path(userLibrary), "placed "+m.path(unit)+".d/"+dropInName,
		"next systemctl --user daemon-reload && systemctl --user restart ollama")
	m.uninstall()
	if m.exists(unit + ".d") {
		t.Error("the folder of the drop-in is left")
	}
}

// TestDropInQuoting checks that systemd's reader, as installation has it, gets back any path.
func TestDropInQuoting(t *testing.T) {
	for _, path := range []string{"/a/b.so", "/with space/b.so", `/100%/"x"\y/b.so`, "/it's/b.so"} {
		m := newMachine(t)
		m.service()
		m.write(dropInFile, dropIn(path), 0o644)
		found, err := installation.Find(context.Background(), m.Places)
		if err != nil || found[0].Unit.BackendPath != path {
			t.Errorf("%s becomes %+v, %v", path, found[0].Unit, err)
		}
	}
}

func TestBeside(t *testing.T) {
	m := newMachine(t)
	before := m.tree()
	m.IntoLib = true
	shows(t, m.install(), "placed "+m.path(besideLibrary), "next fh-ollama create NAME-flashhead --from NAME")
	if err := os.Remove(m.path(besideLibrary)); err != nil { // as Ollama's installer does
		t.Fatal(err)
	}
	shows(t, m.install(), "placed "+m.path(besideLibrary))
	m.Library = libraryV2(t)
	shows(t, m.install(), "updated "+m.path(besideLibrary))
	if m.read(besideLibrary) != read(t, m.Library) {
		t.Error("the library was not updated")
	}
	if err := os.Remove(m.path(besideLibrary)); err != nil {
		t.Fatal(err)
	}
	m.uninstall() // of what is gone already
	if after := m.tree(); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
}

// TestOtherWay: an Ollama has the plug-in one way only, so that it is not loaded twice.
func TestOtherWay(t *testing.T) {
	m := newMachine(t)
	m.service()
	before := m.tree()
	m.install()
	m.IntoLib = true
	shows(t, m.install(), "placed "+m.path(besideLibrary), "removed "+m.path(systemLibrary), "removed "+m.path(dropInFile))
	if m.exists(dropInFile) || m.exists("usr/local/lib/fh-ollama") {
		t.Error("the other way is still there")
	}
	m.IntoLib = false
	shows(t, m.install(), "placed "+m.path(dropInFile), "removed "+m.path(besideLibrary))
	m.uninstall()
	if after := m.tree(); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
}

// TestTwoOllamas: what is placed for one stays when the other changes.
func TestTwoOllamas(t *testing.T) {
	m := newMachine(t)
	other := m
	m.write("srv/bin/ollama", m.read("usr/local/bin/ollama"), 0o755)
	for _, name := range []string{"llama-server", "libggml-base.so.0", "libggml-cpu-haswell.so"} {
		m.write("srv/lib/ollama/"+name, name, 0o755)
	}
	before := m.tree()
	other.Ollama = m.path("srv/bin/ollama")
	m.install()
	other.install() // the same library
	other.IntoLib = true
	other.install()
	if !m.exists(userLibrary) || !m.exists("srv/lib/ollama/"+BesideName) {
		t.Errorf("one of them has lost its plug-in:\n%s", m.tree())
	}
	if placed, err := All(m.Places); err != nil || len(placed) != 2 {
		t.Errorf("%+v, %v", placed, err)
	}
	m.uninstall()
	if after := m.tree(); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
}

func TestForeignFile(t *testing.T) {
	m := newMachine(t)
	m.write(besideLibrary, "AMD's own", 0o644)
	m.IntoLib = true
	m.refused(m.path(besideLibrary)+" is there and is not from fh-ollama install", "move it away")
}

func TestChangedFile(t *testing.T) {
	m := newMachine(t)
	m.service()
	m.install()
	m.write(dropInFile, m.read(dropInFile)+"Environment=FLASHHEAD_PROBES=512\n", 0o644)
	m.Library = libraryV2(t) // an update keeps the user's settings
	shows(t, m.install(), "updated "+m.path(systemLibrary), "kept "+m.path(dropInFile)+": it was changed since, and does what it has to")
	m.write(systemLibrary, "something else", 0o644)
	m.refused(systemLibrary+" was changed since it was installed", "move it away")
	shows(t, m.uninstall(),
		"kept "+m.path(systemLibrary)+": it was changed since it was installed; remove it yourself if it is not needed",
		"kept "+m.path(dropInFile)+": it was changed since it was installed; remove it yourself if it is not needed")
	if m.read(systemLibrary) != "something else" || !strings.Contains(m.read(dropInFile), "PROBES") {
		t.Error("a changed file is gone")
	}
	if m.exists("usr/local/lib/fh-ollama/" + receiptName) {
		t.Error("the receipt is left")
	}
}

// TestInterruptedUpdate: whichever of the two versions an interruption has left is ours.
func TestInterruptedUpdate(t *testing.T) {
	for _, written := range []bool{false, true} {
		m := newMachine(t)
		before := m.tree()
		m.install()
		m.Library = libraryV2(t)
		ollama, err := m.find(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		to, err := m.target(ollama)
		if err != nil {
			t.Fatal(err)
		}
		w, err := m.work(to, m.Library)
		if err == nil {
			err = w.record()
		}
		if err != nil {
			t.Fatal(err)
		}
		if written {
			m.write(userLibrary, read(t, m.Library), 0o644)
		}
		again := m.install() // goes on, whichever it finds
		if m.read(userLibrary) != read(t, m.Library) {
			t.Errorf("not updated:\n%s", again)
		}
		if err := w.record(); err != nil {
			t.Fatal(err)
		}
		m.uninstall()
		if after := m.tree(); after != before {
			t.Errorf("before\n%safter\n%s", before, after)
		}
	}
}

func TestVariableTaken(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		m := newMachine(t)
		m.serve("GGML_BACKEND_PATH=/opt/other.so")
		m.refused("GGML_BACKEND_PATH is set to /opt/other.so already, in the environment of the running server (process 70)", "--into-lib")
		m.IntoLib = true
		m.install()
	})
	t.Run("service", func(t *testing.T) {
		m := newMachine(t)
		m.service()
		m.write(unitFile+".d/override.conf", "[Service]\nEnvironment=GGML_BACKEND_PATH=/opt/other.so\n", 0o644)
		m.refused("GGML_BACKEND_PATH is set to /opt/other.so already, by "+m.path(unitFile+".d/override.conf"), "--into-lib")
	})
	t.Run("shell", func(t *testing.T) {
		m := newMachine(t)
		m.Places.BackendPath = "/opt/other.so"
		m.refused("already, in your environment", "--into-lib")
	})
	t.Run("ours", func(t *testing.T) {
		m := newMachine(t)
		m.serve("GGML_BACKEND_PATH=" + m.path(userLibrary))
		if r := m.install(); len(r.Notes) > 0 || strings.Contains(strings.Join(r.Next, " "), "serve") {
			t.Errorf("a server that has it already:\n%s", r)
		}
	})
}

func TestRefusedOllama(t *testing.T) {
	m := newMachine(t)
	m.write("usr/local/bin/ollama", "#!/bin/sh\necho Warning: client version is 0.12.3\n", 0o755)
	m.refused("version 0.12.3", "update")
	m.write("usr/local/bin/ollama", "#!/bin/sh\necho Warning: client version is 0.34.2+flashhead.0.1.0\n", 0o755)
	m.refused("needs no plug-in", "create")
	if err := os.Remove(m.path("usr/local/bin/ollama")); err != nil {
		t.Fatal(err)
	}
	m.refused("no Ollama is found", "install Ollama")
}

func TestGPU(t *testing.T) {
	m := newMachine(t)
	m.write("usr/local/lib/ollama/cuda_v13/libggml-cuda.so", "", 0o644)
	m.write("dev/nvidia0", "", 0o644)
	m.refused("runs models on the NVIDIA GPU", "fh-ollama build")
	m.IntoLib = true
	if r := m.install(); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "num_gpu 0") {
		t.Errorf("%s", r)
	}
	m = newMachine(t)
	m.write("usr/local/lib/ollama/vulkan/libggml-vulkan.so", "", 0o644)
	m.write("dev/dri/renderD128", "", 0o644)
	if r := m.install(); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "ollama ps") {
		t.Errorf("%s", r)
	}
}

func TestLibrary(t *testing.T) {
	m := newMachine(t)
	good := m.Library
	text := filepath.Join(t.TempDir(), "x.so")
	if err := os.WriteFile(text, []byte("GROUP ( libc.so.6 )"), 0o644); err != nil {
		t.Fatal(err)
	}
	foreign := []byte(read(t, good))
	foreign[18], foreign[19] = 0xf3, 0 // e_machine: RISC-V
	other := filepath.Join(t.TempDir(), "x.so")
	if err := os.WriteFile(other, foreign, 0o644); err != nil {
		t.Fatal(err)
	}
	for library, cause := range map[string]string{
		text:  "is no shared library for Linux",
		other: "is for another processor, EM_RISCV",
		compile(t, "int other(void) { return 1; }\n"): "it has no ggml_backend_init",
		filepath.Join(t.TempDir(), "none.so"):         "no such file",
		t.TempDir():                                   "is a directory",
	} {
		m.Library = library
		m.refused(cause, "fh-ollama build --plugin")
	}
	m.Library = compile(t, "void *ggml_backend_init(void) { return 0; }\nint ggml_backend_score(void);\nint f(void) { return ggml_backend_score(); }\n")
	m.IntoLib = true
	m.refused("it has no ggml_backend_score", "fh-ollama build --plugin")
	m.Library, m.Search = "", []string{m.path("nowhere"), m.path("neither")}
	m.refused("is not there", "fh-ollama build --plugin")
	m.Search = append(m.Search, good)
	m.install()
}

func TestBadReceipt(t *testing.T) {
	for content, cause := range map[string]string{"{": "cannot be read", `{"schema": 99}`: "form 99"} {
		m := newMachine(t)
		m.write("home/ann/.local/share/fh-ollama/"+receiptName, content, 0o644)
		m.refused(cause, "")
		if _, err := Uninstall(context.Background(), m.Options); err == nil || !strings.Contains(err.Error(), cause) || hint.Of(err) == "" {
			t.Errorf("%v", err)
		}
	}
}
