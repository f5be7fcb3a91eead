package install

import (
	"os"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/bundle/bundletest"
)

// bundled makes m one where nothing is but a released fh-ollama with this library inside.
func (m *machine) bundled(library string) {
	m.t.Helper()
	program := m.Write("home/ann/Downloads/fh-ollama", "program", 0o755)
	m.Program, m.Library, m.Built = program, "", m.Path("home/ann/lib/flashhead/"+LibraryName)
	m.Bundle = bundletest.New([]byte(library), []byte("tool"), []byte("code"))
}

// A released program installs what is inside it, and needs no file beside it, before and afterwards.
func TestBundle(t *testing.T) {
	for _, beside := range []bool{false, true} {
		m := newMachine(t)
		library := read(t, m.Library)
		m.bundled(library)
		m.IntoLib = beside
		before := m.Tree()
		m.DryRun = true
		m.install()
		if m.Tree() != before {
			t.Error("a dry run has changed something")
		}
		m.DryRun = false
		placed := userLibrary
		if beside {
			placed = besideLibrary
		}
		shows(t, m.install(), "placed "+m.Path(placed))
		const kit = "home/ann/.local/share/fh-ollama/"
		for name, want := range map[string]string{placed: library, userLibrary: library, kit + "bin/fh-ollama": "program",
			kit + "lib/flashhead/llama-flashhead": "tool", kit + "lib/flashhead/libflashhead-tool.so": "code"} {
			if got := m.Read(name); got != want {
				t.Errorf("%s has %d bytes, not %d", name, len(got), len(want))
			}
		}
		if info, err := os.Stat(m.Path(kit + "lib/flashhead/llama-flashhead")); err != nil || info.Mode() != 0o755 {
			t.Errorf("%v, %v", info, err)
		}

		// another download updates it
		newer := read(t, libraryV2(t))
		m.bundled(newer)
		shows(t, m.install(), "updated "+m.Path(placed))
		if m.Read(placed) != newer {
			t.Error("the library was not updated")
		}
		m.uninstall()
		m.holds(before)
	}
}

// A library that is named, or that lies beside this program, comes before the one inside.
func TestBundleIsLast(t *testing.T) {
	m := newMachine(t)
	named, built := m.Library, libraryV2(t)
	m.bundled("no library")
	m.Built = built
	m.install()
	if m.Read(userLibrary) != read(t, built) {
		t.Error("it is not the one beside this program")
	}
	m.Library = named
	m.install()
	if m.Read(userLibrary) != read(t, named) {
		t.Error("it is not the named one")
	}
}

func TestBundleRefused(t *testing.T) {
	m := newMachine(t)
	library := read(t, m.Library)
	foreign := []byte(library)
	foreign[18], foreign[19] = 0xf3, 0 // e_machine: RISC-V
	m.bundled(string(foreign))
	m.refused("the plug-in inside this program is for another architecture", "download the fh-ollama for this machine")

	m.Bundle = bundle.Bundle{}
	m.refused("only a released fh-ollama has it inside", "build it: fh-ollama build --plugin, then run the install that it prints")

	// root needs nothing but the program either
	m.bundled(library)
	m.service()
	asOther(t, m, func() {
		m.refused("you may not write into", "run: sudo "+m.Program+" install; then: sudo systemctl")
	})
	if strings.Contains(m.Tree(), "usr/local/lib/fh-ollama") {
		t.Error("something was installed")
	}
}
