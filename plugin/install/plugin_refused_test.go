package install

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

func TestForeignFile(t *testing.T) {
	m := newMachine(t)
	m.Write(besideLibrary, "AMD's own", 0o644)
	m.IntoLib = true
	m.refused(m.Path(besideLibrary)+" exists and was not installed by fh-ollama", "see whose it is and move it away")
}

func TestVariableTaken(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		m := newMachine(t)
		m.serve("GGML_BACKEND_PATH=/opt/other.so")
		m.refused("GGML_BACKEND_PATH is set to /opt/other.so already, in the environment of the running server (process 70)",
			"--into-lib")
		m.IntoLib = true
		m.install()
	})
	t.Run("service", func(t *testing.T) {
		m := newMachine(t)
		m.service()
		m.Write(unitFile+".d/override.conf", "[Service]\nEnvironment=GGML_BACKEND_PATH=/opt/other.so\n", 0o644)
		m.refused("GGML_BACKEND_PATH is set to /opt/other.so already, by "+m.Path(unitFile+".d/override.conf"), "--into-lib")
	})
	t.Run("ours", func(t *testing.T) {
		m := newMachine(t)
		m.serve("GGML_BACKEND_PATH=" + m.Path(userLibrary))
		if r := m.install(); len(r.Notes) > 0 || strings.Contains(strings.Join(r.Next, " "), "serve") {
			t.Errorf("a server that has it already:\n%s", r)
		}
	})
}

func TestRefusedOllama(t *testing.T) {
	m := newMachine(t)
	m.AddOllama("usr/local", "0.12.3")
	m.refused("version 0.12.3", "update")
	m.AddOllama("usr/local", "0.34.2+flashhead.0.1.0")
	m.refused("needs no plug-in", "fh-ollama on NAME")
	m.Remove("usr/local/bin/ollama")
	m.refused("no Ollama is found", "install Ollama")
}

func TestGPU(t *testing.T) {
	m := newMachine(t)
	m.Write("usr/local/lib/ollama/cuda_v13/libggml-cuda.so", "", 0o644)
	m.Write("dev/nvidia0", "", 0o644)
	m.refused("runs models on the NVIDIA GPU", "fh-ollama build")
	m.IntoLib = true
	if r := m.install(); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "num_gpu 0") {
		t.Errorf("%s", r)
	}
	m = newMachine(t)
	m.Write("usr/local/lib/ollama/vulkan/libggml-vulkan.so", "", 0o644)
	m.Write("dev/dri/renderD128", "", 0o644)
	if r := m.install(); len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "ollama ps") {
		t.Errorf("%s", r)
	}
}

func TestLibrary(t *testing.T) {
	m := newMachine(t)
	good := m.Library
	text := filepath.Join(t.TempDir(), "x.so")
	plugintest.Write(t, text, "GROUP ( libc.so.6 )", 0o644)
	foreign := []byte(read(t, good))
	foreign[18], foreign[19] = 0xf3, 0 // e_machine: RISC-V
	other := filepath.Join(t.TempDir(), "x.so")
	if err := os.WriteFile(other, foreign, 0o644); err != nil {
		t.Fatal(err)
	}
	for library, cause := range map[string]string{
		text:  "is not a shared library for Linux",
		other: "is for another architecture, EM_RISCV",
		plugintest.Library(t, "int other(void) { return 1; }\n"): "it has no ggml_backend_init",
		filepath.Join(t.TempDir(), "none.so"):                    "no such file",
		t.TempDir():                                              "is a directory",
	} {
		m.Library = library
		m.refused(cause, "fh-ollama build --plugin")
	}
	m.Library = plugintest.Library(t, "void *ggml_backend_init(void) { return 0; }\nint ggml_backend_score(void);\n"+
		"int f(void) { return ggml_backend_score(); }\n")
	m.IntoLib = true
	m.refused("it has no ggml_backend_score", "fh-ollama build --plugin")
	m.Library, m.Built = "", m.Path("nowhere")
	m.refused("was not found", "fh-ollama build --plugin")
	m.Built = good
	m.install()
}

// A receipt that somebody changed makes uninstall remove nothing but what install makes: root may be asked to.
func TestForeignReceipt(t *testing.T) {
	for _, path := range []string{"etc/passwd", "home/ann/.local/share/../../.bashrc", ""} {
		m := newMachine(t)
		m.Write("etc/passwd", "root", 0o644)
		m.Write("home/ann/.bashrc", "root", 0o644)
		listed := m.Path(".") + "/" + path
		if path == "" {
			listed = "flashhead.conf"
		}
		receipt := fmt.Sprintf(`{"schema":2,"files":[{"path":%q,"sha256":%q}]}`, listed, sumOf(file{data: []byte("root")}))
		m.Write("home/ann/.local/share/fh-ollama/"+receiptName, receipt, 0o644)
		if _, err := UninstallPlugin(context.Background(), m.Options); err == nil ||
			!strings.Contains(err.Error(), "never makes") || hint.Of(err) == "" {
			t.Errorf("%s: %v, %q", listed, err, hint.Of(err))
		}
		if !m.Exists("etc/passwd") || !m.Exists("home/ann/.bashrc") {
			t.Errorf("%s was removed", listed)
		}
	}
}

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
