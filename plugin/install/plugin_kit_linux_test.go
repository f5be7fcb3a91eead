package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/bundle/bundletest"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// bundled makes m one where nothing is but a released fh-ollama with this library inside.
func (m *machine) bundled(library string) {
	m.t.Helper()
	program := m.Write("home/ann/Downloads/fh-ollama", "program", 0o755)
	m.Program, m.Library, m.Built = program, "", m.Path("home/ann/lib/flashhead/"+LibraryName)
	m.Bundle = bundletest.New([]byte(library), []byte("tool"), []byte("code"))
}

// A released program installs what is inside it, and needs no file beside it, before and afterwards. A library that is
// named, or that lies beside this program, comes before the one inside.
func TestBundle(t *testing.T) {
	m := newMachine(t)
	library, newer := read(t, m.Library), read(t, libraryV2(t))
	m.bundled(library)
	before := m.Tree()
	m.IntoLib = true
	shows(t, m.install(), "placed "+m.Path(besideLibrary))
	const kit = "home/ann/.local/share/fh-ollama/"
	for name, want := range map[string]string{besideLibrary: library, userLibrary: library,
		kit + "bin/fh-ollama": "program", kit + "lib/flashhead/llama-flashhead": "tool",
		kit + "lib/flashhead/libflashhead-tool.so": "code"} {
		if got := m.Read(name); got != want {
			t.Errorf("%s has %d bytes, not %d", name, len(got), len(want))
		}
	}
	if info, err := os.Stat(m.Path(kit + "lib/flashhead/llama-flashhead")); err != nil || info.Mode() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	for what, choose := range map[string]func(){
		"another download": func() { m.bundled(newer) },
		"the named one":    func() { m.bundled(library); m.Library = libraryV2(t) },
		"the one beside":   func() { m.bundled(library); m.Built = libraryV2(t) },
	} {
		m.bundled(library)
		m.install()
		choose()
		shows(t, m.install(), "updated "+m.Path(besideLibrary))
		if m.Read(besideLibrary) != newer {
			t.Errorf("it is not %s", what)
		}
	}
	m.uninstall()
	m.holds(before)
}

func TestBundleRefused(t *testing.T) {
	m := newMachine(t)
	library := read(t, m.Library)
	foreign := []byte(library)
	foreign[18], foreign[19] = 0xf3, 0 // e_machine: RISC-V
	m.bundled(string(foreign))
	m.refused("the plug-in inside this program is for another architecture", "download the fh-ollama for this machine")

	m.Bundle = bundle.Bundle{}
	m.refused("only a released fh-ollama has it inside",
		"build it: fh-ollama build --plugin, then run the install that it prints")

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

// What was installed works when the build is gone, and can be installed again from itself.
func TestKit(t *testing.T) {
	m := newMachine(t)
	before := m.Tree()
	build := t.TempDir()
	for name, content := range map[string]string{"bin/fh-ollama": "program", "lib/flashhead/llama-flashhead": "tool",
		"lib/flashhead/libflashhead-tool.so": "code", "lib/flashhead/" + LibraryName: read(t, m.Library)} {
		plugintest.Write(t, filepath.Join(build, name), content, 0o700)
	}
	m.Library, m.Program = filepath.Join(build, "lib/flashhead", LibraryName), filepath.Join(build, "bin/fh-ollama")
	m.IntoLib = true
	program := m.Path("home/ann/.local/share/fh-ollama/bin/fh-ollama")
	shows(t, m.install(), "placed "+program, program+" doctor")
	for name, mode := range map[string]os.FileMode{"bin/fh-ollama": 0o755, "lib/flashhead/llama-flashhead": 0o755,
		"lib/flashhead/libflashhead-tool.so": 0o644, "lib/flashhead/" + LibraryName: 0o644} {
		info, err := os.Stat(m.Path("home/ann/.local/share/fh-ollama/" + name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if err := os.RemoveAll(build); err != nil {
		t.Fatal(err)
	}
	m.Program, m.Library, m.Built = program, "", m.Path(userLibrary)
	m.Remove(besideLibrary) // by an update of Ollama
	shows(t, m.install(), "placed "+m.Path(besideLibrary), "kept "+program+": it is up to date")
	m.IntoLib = false
	shows(t, m.install(), "kept "+m.Path(userLibrary)+": it is up to date")
	m.uninstall()
	m.holds(before)
}
