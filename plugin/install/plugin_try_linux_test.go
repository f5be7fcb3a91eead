package install

import (
	"os"
	"path/filepath"
	"testing"
)

// A plug-in that does not work with this Ollama is not placed; one that was there before stays.
func TestFailedTrial(t *testing.T) {
	const rests = "#!/bin/sh\necho 0.00.1 I flash_head: the plug-in rests: ggml 9.9.9 is not known\necho model loaded\n"
	for _, beside := range []bool{false, true} {
		m := newMachine(t)
		m.service()
		m.IntoLib = beside
		good := m.Read(serverFile)
		m.Write(serverFile, rests, 0o755)
		m.Remove("usr/local/lib/ollama/libggml-base.so.0")
		m.Write("usr/local/lib/ollama/libggml-base.so.9.9.9", "", 0o644)
		m.refused("nothing is installed: the plug-in is loaded, but not used: flash_head: the plug-in rests: ggml 9.9.9 is "+
			"not known (this Ollama has ggml 9.9.9, and the plug-in was checked with 0.13.1 (Ollama 0.30.0), ",
			"fh-ollama build")
		m.Write(serverFile, good, 0o755)
		m.install()
		m.Library = libraryV2(t)
		m.Write(serverFile, rests, 0o755)
		m.refused("nothing is installed", "fh-ollama build")
		m.Write(serverFile, good, 0o755)
		shows(t, m.install(), "tried a tiny model with this Ollama's llama-server: flash_head: active on CPU")
	}
}

// Under its own name beside Ollama's libraries the plug-in is tried again, and taken back with all that came with it.
func TestFailedTrialBeside(t *testing.T) {
	m := newMachine(t)
	m.IntoLib = true
	// works under a temporary name only
	m.Write(serverFile, "#!/bin/sh\n[ -n \"$GGML_BACKEND_PATH\" ] && [ ! -e "+m.Path(besideLibrary)+" ] && echo "+
		"flash_head: active\necho model loaded\n", 0o755)
	m.refused("nothing is installed: ", "fh-ollama build")
	if m.Exists(besideLibrary) {
		t.Error("the library is still there")
	}
}

// addTool puts a native tool beside the library, as a build does, and this program into a build.
func (m *machine) addTool() (build string) {
	m.t.Helper()
	build = m.t.TempDir()
	for name, content := range map[string]string{"bin/fh-ollama": "program", "lib/flashhead/llama-flashhead": "tool",
		"lib/flashhead/libflashhead-tool.so": "code"} {
		path := filepath.Join(build, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			m.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			m.t.Fatal(err)
		}
	}
	library := filepath.Join(build, "lib/flashhead", LibraryName)
	if err := os.Rename(m.Library, library); err != nil {
		m.t.Fatal(err)
	}
	m.Library, m.Program = library, filepath.Join(build, "bin/fh-ollama")
	return build
}

// What was installed works when the build is gone, and can be installed again from itself.
func TestKit(t *testing.T) {
	m := newMachine(t)
	before := m.Tree()
	build := m.addTool()
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
