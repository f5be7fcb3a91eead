package install

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/installation/installationtest"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// machine is one with an Ollama in usr/local and no other.
type machine struct {
	installationtest.Machine
	Options
	t *testing.T
}

func newMachine(t *testing.T) machine {
	t.Helper()
	if err := supported(); err != nil {
		t.Skip(err)
	}
	m := installationtest.New(t)
	m.AddOllama("usr/local", "0.34.2", installationtest.Runtime...)
	return machine{m, Options{Program: "/opt/fh ollama/fh-ollama", Library: libraryV1(t), Places: m.Places}, t}
}

const (
	unitFile   = "etc/systemd/system/ollama.service"
	serverFile = "usr/local/lib/ollama/llama-server"
)

func (m machine) service() { m.Service(unitFile, m.Path("usr/local/bin/ollama")) }

// serve describes a server that runs with these variables.
func (m machine) serve(env ...string) {
	m.Serve(installationtest.Server{PID: 70, UID: m.Options.Places.UID, Program: m.Path("usr/local/bin/ollama"),
		Group: "/", Env: env})
}

// serveAs describes a server of the user with this number.
func (m machine) serveAs(uid int) {
	m.Serve(installationtest.Server{PID: 70, UID: uid, Program: m.Path("usr/local/bin/ollama"), Group: "/", Hidden: true})
}

func (m machine) install() Result {
	m.t.Helper()
	r, err := Plugin(context.Background(), m.Options)
	if err != nil {
		m.t.Fatalf("%v, %q", err, hint.Of(err))
	}
	return r
}

func (m machine) uninstall() Result {
	m.t.Helper()
	r, err := UninstallPlugin(context.Background(), m.Options)
	if err != nil {
		m.t.Fatalf("%v, %q", err, hint.Of(err))
	}
	return r
}

// holds checks that the machine has what it had before.
func (m machine) holds(before string) {
	m.t.Helper()
	if after := m.Tree(); after != before {
		m.t.Errorf("before\n%safter\n%s", before, after)
	}
}

// refused checks that installing fails with these words and changes nothing.
func (m machine) refused(cause, way string) {
	m.t.Helper()
	before := m.Tree()
	_, err := Plugin(context.Background(), m.Options)
	if err == nil || !strings.Contains(err.Error(), cause) || !strings.Contains(hint.Of(err), way) {
		m.t.Errorf("%v, %q", err, hint.Of(err))
	}
	if m.Tree() != before {
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

func libraryV1(t *testing.T) string { return plugintest.Library(t, plugintest.Plugin(1)) }

func libraryV2(t *testing.T) string { return plugintest.Library(t, plugintest.Plugin(2)) }

const (
	userLibrary   = "home/ann/.local/share/fh-ollama/lib/flashhead/" + LibraryName
	systemLibrary = "usr/local/lib/fh-ollama/lib/flashhead/" + LibraryName
	besideLibrary = "usr/local/lib/ollama/" + BesideName
	dropInFile    = unitFile + ".d/" + dropInName
)

// Where the plug-in goes depends on who runs Ollama and who installs. Uninstall takes all back.
func TestPlaces(t *testing.T) {
	const userUnit = "home/ann/.config/systemd/user/ollama.service"
	const restart = "next systemctl daemon-reload && systemctl restart ollama"
	const sudoRestart = "next sudo systemctl daemon-reload && sudo systemctl restart ollama"
	const userRestart = "next systemctl --user daemon-reload && systemctl --user restart ollama"
	const serve = "next GGML_BACKEND_PATH=ROOT/" + systemLibrary + " ROOT/usr/local/bin/ollama serve"
	const stop = "note start `ollama serve` without GGML_BACKEND_PATH from now on"
	for name, c := range map[string]struct {
		lay             func(m *machine)
		library, dropIn string // below the root
		next, after     string // lines of install and uninstall
	}{
		"a user": {func(m *machine) { m.Options.Places.Path = append(m.Options.Places.Path, m.Path("usr/local/bin")) },
			userLibrary, "", "next GGML_BACKEND_PATH=ROOT/" + userLibrary + " ollama serve", stop},
		"a service": {func(m *machine) { m.service() }, systemLibrary, dropInFile, restart, restart},
		"a user's service": {func(m *machine) { m.Service(userUnit, m.Path("usr/local/bin/ollama")) }, userLibrary, userUnit +
			".d/" + dropInName, userRestart, userRestart},
		"a service, by sudo": {func(m *machine) {
			m.service()
			m.Options.Places.UID, m.Options.Places.Sudo = 0, true
		}, systemLibrary, dropInFile, sudoRestart, sudoRestart},
		"a user, by sudo": {func(m *machine) { m.Options.Places.UID, m.Options.Places.Sudo = 0, true },
			systemLibrary, "", serve, stop}, // the user cannot enter root's folder
		"another user's server, by root": {func(m *machine) {
			m.Options.Places.UID, m.Machine.Places.UID = 0, 1000
			m.serveAs(1000)
		}, systemLibrary, "", serve, stop},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			c.lay(&m)
			before := m.Tree()
			m.DryRun = true
			shows(t, m.install(), "would place "+m.Path(c.library),
				"would try a tiny model in "+m.Path(serverFile)+", before anything else is changed")
			m.holds(before)
			m.DryRun = false
			shows(t, m.install(), "placed "+m.Path(c.library), strings.ReplaceAll(c.next, "ROOT", m.Path(".")),
				"'/opt/fh ollama/fh-ollama' doctor")
			if m.Read(c.library) != read(t, m.Library) {
				t.Error("the copy differs")
			}
			if c.dropIn != "" {
				want := "# Made by fh-ollama install; fh-ollama uninstall removes it.\n[Service]\n" +
					"Environment=\"GGML_BACKEND_PATH=" + m.Path(c.library) + "\"\n"
				if got := m.Read(c.dropIn); got != want {
					t.Errorf("drop-in:\n%s", got)
				}
			}
			installed := m.Tree()
			shows(t, m.install(), "kept "+m.Path(c.library)+": it is up to date")
			m.DryRun = true
			shows(t, m.uninstall(), "would remove "+m.Path(c.library))
			m.holds(installed)
			m.DryRun = false
			shows(t, m.uninstall(), "removed "+m.Path(c.library), c.after)
			m.holds(before)
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestDropInQuoting checks that systemd's reader, as installation has it, gets back any path.
func TestDropInQuoting(t *testing.T) {
	for _, path := range []string{"/a/b.so", "/with space/b.so", `/100%/"x"\y/b.so`, "/it's/b.so"} {
		m := newMachine(t)
		m.service()
		m.Write(dropInFile, dropIn(path), 0o644)
		found, err := installation.Find(context.Background(), m.Options.Places)
		if err != nil || found[0].Unit.BackendPath != path {
			t.Errorf("%s becomes %+v, %v", path, found[0].Unit, err)
		}
	}
	if text := dropIn("/100%/b.so"); !strings.Contains(text, "/100%%/b.so") { // a lone % is systemd's
		t.Error(text)
	}
}

func TestBeside(t *testing.T) {
	m := newMachine(t)
	before := m.Tree()
	m.IntoLib = true
	shows(t, m.install(), "placed "+m.Path(besideLibrary),
		"next '/opt/fh ollama/fh-ollama' on NAME")
	m.Remove(besideLibrary) // as Ollama's installer does
	shows(t, m.install(), "placed "+m.Path(besideLibrary))
	m.Library = libraryV2(t)
	shows(t, m.install(), "updated "+m.Path(besideLibrary))
	if m.Read(besideLibrary) != read(t, m.Library) {
		t.Error("the library was not updated")
	}
	m.Remove(besideLibrary)
	m.uninstall() // of what is gone already
	m.holds(before)
}

// TestOtherWay: an Ollama has the plug-in one way only, so that it is not loaded twice.
func TestOtherWay(t *testing.T) {
	m := newMachine(t)
	m.service()
	before := m.Tree()
	m.install()
	m.IntoLib = true
	shows(t, m.install(), "placed "+m.Path(besideLibrary), "removed "+m.Path(systemLibrary), "removed "+m.Path(dropInFile))
	if m.Exists(dropInFile) || m.Exists("usr/local/lib/fh-ollama/lib") {
		t.Error("the other way is still there")
	}
	m.IntoLib = false
	shows(t, m.install(), "placed "+m.Path(dropInFile), "removed "+m.Path(besideLibrary))
	m.uninstall()
	m.holds(before)
}

// TestTwoOllamas: what is placed for one stays when the other changes.
func TestTwoOllamas(t *testing.T) {
	m := newMachine(t)
	other := m
	m.AddOllama("srv", "0.34.2", installationtest.Runtime...)
	before := m.Tree()
	other.Ollama = m.Path("srv/bin/ollama")
	m.install()
	other.install() // the same library
	other.IntoLib = true
	other.install()
	if !m.Exists(userLibrary) || !m.Exists("srv/lib/ollama/"+BesideName) {
		t.Errorf("one of them has lost its plug-in:\n%s", m.Tree())
	}
	if placed, err := Installed(m.Options.Places); err != nil || len(placed) != 2 {
		t.Errorf("%+v, %v", placed, err)
	}
	m.uninstall()
	m.holds(before)
}

func TestChangedFile(t *testing.T) {
	m := newMachine(t)
	m.service()
	m.install()
	m.Write(dropInFile, m.Read(dropInFile)+"Environment=FLASHHEAD_PROBES=512\n", 0o644)
	m.Library = libraryV2(t) // an update keeps the user's settings
	shows(t, m.install(), "updated "+m.Path(systemLibrary),
		"kept "+m.Path(dropInFile)+": it was changed since, and does what it has to")
	kept := m.Read(dropInFile)
	m.Write(dropInFile, "[Service]\nEnvironment=FLASHHEAD_PROBES=512\n", 0o644) // no longer names the library
	m.refused(dropInFile+" was changed since it was installed", "move it away")
	m.Write(dropInFile, kept, 0o644)
	m.Write(systemLibrary, "something else", 0o644)
	m.refused(systemLibrary+" was changed since it was installed", "move it away")
	shows(t, m.uninstall(),
		"kept "+m.Path(systemLibrary)+": it was changed since it was installed; remove it yourself if it is not needed",
		"kept "+m.Path(dropInFile)+": it was changed since it was installed; remove its line with GGML_BACKEND_PATH, or "+
			"the file if nothing else is in it")
	if m.Read(systemLibrary) != "something else" || !strings.Contains(m.Read(dropInFile), "PROBES") {
		t.Error("a changed file is gone")
	}
	if m.Exists("usr/local/lib/fh-ollama/" + receiptName) {
		t.Error("the receipt is left")
	}
}
