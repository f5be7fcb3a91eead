package doctor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/installation/installationtest"
	"github.com/fh-ollama/fh-ollama/plugin/install"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

const (
	unitFile = "etc/systemd/system/ollama.service"
	library  = "home/ann/.local/share/fh-ollama/lib/flashhead/" + install.LibraryName
	beside   = "usr/local/lib/ollama/" + install.BesideName
)

// mapped is what the system says of a process with the library at path.
func mapped(path string) string { return "7f00-7f01 r-xp 0 fe:00 1     " + path + "\n" }

// pluginInstalled places a library on m as `fh-ollama install` does.
func pluginInstalled(t *testing.T, m installationtest.Machine, intoLib bool) {
	t.Helper()
	if _, err := install.Plugin(context.Background(), install.Options{Library: plugintest.Library(t, plugintest.Plugin(1)),
		IntoLib: intoLib, Places: m.Places}); err != nil {
		t.Fatal(err)
	}
}

func TestPlugin(t *testing.T) {
	for name, c := range map[string]struct {
		lay     func(t *testing.T, m installationtest.Machine, s *installationtest.Server) // m has an Ollama, s is its server
		library string                                                                     // that models get, below the root
		shown   []string
		problem string // of cause and way out, "" for none
	}{
		"in the environment": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				s.Env = []string{"GGML_BACKEND_PATH=" + m.Write(library, "x", 0o644)}
				m.Child(81, s.PID, "llama-server", mapped(m.Path(library)))
				m.Child(82, s.PID, "llama-server", "")
			},
			library: library,
			shown: []string{"with the plug-in", "in GGML_BACKEND_PATH", "process 81 has loaded the plug-in",
				"process 82 of another user"},
		},
		"beside the libraries": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				m.Child(81, s.PID, "llama-server", mapped(m.Write(beside, "x", 0o644)))
			},
			library: beside,
			shown:   []string{"beside Ollama's libraries", "process 81 has loaded the plug-in"},
		},
		"a model from before": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				m.Write(beside, "x", 0o644)
				m.Child(81, s.PID, "llama-server", mapped("/x/libggml-cpu.so"))
			},
			library: beside,
			shown:   []string{"process 81 has not loaded the plug-in"},
			problem: "a model runs without the plug-in (process 81) / unload it with `ollama stop NAME`",
		},
		"a model on a GPU": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				s.Env = []string{"GGML_BACKEND_PATH=" + m.Write(library, "x", 0o644)}
				m.Write("usr/local/lib/ollama/cuda_v13/libggml-cuda.so", "", 0o644)
				m.Write("dev/nvidia0", "", 0o644)
				m.Child(81, s.PID, "llama-server", mapped("/x/cuda_v13/libggml-cuda.so"))
			},
			library: library,
			shown:   []string{"/dev/nvidia0): models on it run dense"},
			problem: "for models on the NVIDIA GPU, Ollama sets GGML_BACKEND_PATH itself / make an Ollama that has FlashHead " +
				"inside: fh-ollama build",
		},
		"none": {
			lay:   func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {},
			shown: []string{"no FlashHead"},
			problem: "has no FlashHead, it runs every model dense / give it the plug-in with `fh-ollama install`; or, for " +
				"models on a GPU, make another with `fh-ollama build`",
		},
		"none, with a GPU": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				m.Write("usr/local/lib/ollama/rocm/libggml-hip.so", "", 0o644)
				m.Write("dev/kfd", "", 0o644)
			},
			problem: "has no FlashHead, it runs every model dense / make one with `fh-ollama build`",
		},
		"something else in the environment": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				s.Env = []string{"GGML_BACKEND_PATH=" + m.Write("opt/other.so", "x", 0o644)}
			},
			problem: "has no FlashHead",
		},
		"library gone": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				s.Env = []string{"GGML_BACKEND_PATH=" + m.Path(library)}
			},
			problem: "which does not exist / place it again: fh-ollama install",
		},
		"not restarted": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				pluginInstalled(t, m, false)
			},
			shown: []string{"installed", library},
			problem: "the plug-in is installed, but the server was started without it / stop the server and start it so: " +
				"GGML_BACKEND_PATH=",
		},
		"service not restarted": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				m.Service(unitFile, s.Program)
				s.Group = "/system.slice/ollama.service"
				pluginInstalled(t, m, false)
			},
			problem: "ollama.service was started without it / sudo systemctl daemon-reload && sudo systemctl restart ollama",
		},
		"another user's service, restarted": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				m.Service(unitFile, s.Program)
				s.Group, s.Hidden, s.UID = "/system.slice/ollama.service", true, 997
				pluginInstalled(t, m, false)
				s.Started = time.Since(installationtest.Boot) + time.Minute
			},
			library: "usr/local/lib/fh-ollama/lib/flashhead/" + install.LibraryName,
			shown:   []string{"with the plug-in"},
		},
		"another user's service, not restarted": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				m.Service(unitFile, s.Program)
				s.Group, s.Hidden, s.UID = "/system.slice/ollama.service", true, 997
				pluginInstalled(t, m, false)
			},
			problem: "ollama.service was started without it / sudo systemctl",
		},
		"Ollama updated": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				pluginInstalled(t, m, true)
				m.Remove(beside)
			},
			problem: "but it is gone; an update of Ollama removes it / place it again: fh-ollama install --into-lib",
		},
		"another user's server": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				s.Hidden, s.UID = true, 997
			},
			shown:   []string{"stock"},
			problem: "cannot be seen from here / run fh-ollama doctor on its machine, with sudo",
		},
		"another machine's server": {
			lay: func(t *testing.T, m installationtest.Machine, s *installationtest.Server) {
				m.Write("home/ann/.local/share/fh-ollama/lib/flashhead/"+install.LibraryName, "x", 0o644)
				s.PID = 0
			},
			problem: "cannot be seen from here",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := installationtest.New(t)
			program := m.AddOllama("usr/local", "0.34.2", installationtest.Runtime...)
			s := installationtest.Server{PID: 70, UID: m.Places.UID, Program: program, Group: "/"}
			c.lay(t, m, &s)
			if s.PID != 0 {
				m.Serve(s)
				m.Listen(s.UID, 1000+s.PID)
			}
			r := Report{Server: Server{URL: "http://127.0.0.1:11434", Reachable: true, Version: "0.34.2"}}
			r.plugin(context.Background(), m.Places)
			r.library(context.Background(), []string{t.TempDir()}, bundle.Bundle{}, nil)

			want := ""
			if c.library != "" {
				want = m.Path(c.library)
			}
			if r.Plugin.Library != want {
				t.Errorf("library %q, want %q", r.Plugin.Library, want)
			}
			text := r.String()
			for _, shown := range c.shown {
				if !strings.Contains(text, shown) {
					t.Errorf("no %q in\n%s", shown, text)
				}
			}
			if c.problem == "" {
				if len(r.Problems) > 0 {
					t.Errorf("%+v", r.Problems)
				}
				return
			}
			cause, way, _ := strings.Cut(c.problem, " / ")
			if len(r.Problems) == 0 || !strings.Contains(r.Problems[0].Cause, cause) ||
				!strings.Contains(r.Problems[0].WayOut, way) {
				t.Errorf("%+v", r.Problems)
			}
			tool := 0 // with a plug-in, installed or in use, nobody needs the native tool to run models
			if want == "" && len(r.Plugin.Installed) == 0 {
				tool = 1
			}
			if len(r.Problems) != 1+tool {
				t.Errorf("%d problems: %+v", len(r.Problems), r.Problems)
			}
		})
	}
}

// The plug-in is tried with the server's own llama-server, and without a server with that of the Ollama it was
// installed for.
func TestTried(t *testing.T) {
	for _, reachable := range []bool{false, true} {
		m := installationtest.New(t)
		program := m.AddOllama("usr/local", "0.34.2", installationtest.Runtime...)
		pluginInstalled(t, m, false)
		m.Serve(installationtest.Server{PID: 70, UID: m.Places.UID, Program: program, Group: "/",
			Env: []string{"GGML_BACKEND_PATH=" + m.Path(library)}})
		m.Listen(m.Places.UID, 1070)
		examine := func() Report {
			r := Report{Server: Server{Reachable: reachable}}
			r.plugin(context.Background(), m.Places)
			r.tryPlugin(context.Background(), m.Places)
			return r
		}
		if r := examine(); r.Plugin.Tried != "flash_head: active on CPU" || len(r.Problems) > 0 ||
			!strings.Contains(r.String(), r.Plugin.Tried) {
			t.Errorf("%v: %+v", reachable, r)
		}
		m.Write("usr/local/lib/ollama/llama-server",
			"#!/bin/sh\necho flash_head: the plug-in rests: another ggml\necho model loaded\n", 0o755)
		m.Write("usr/local/lib/ollama/libggml-base.so.9.9.9", "", 0o644)
		r := examine()
		if len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Cause,
			"the plug-in rests: another ggml (this Ollama has ggml 9.9.9, and") || r.Problems[0].WayOut == "" {
			t.Errorf("%v: %+v", reachable, r.Problems)
		}
	}
}

// What other users cannot reach is found.
func TestHidden(t *testing.T) {
	m := installationtest.New(t)
	for dir := m.Places.Root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := m.Write(library, "x", 0o644)
	if got := hidden(path); got != "" {
		t.Errorf("%s is hidden", got)
	}
	for below, modes := range map[string][2]os.FileMode{library: {0o640, 0o644}, "home/ann": {0o750, 0o755}} {
		if err := os.Chmod(m.Path(below), modes[0]); err != nil {
			t.Fatal(err)
		}
		if got := hidden(path); got != m.Path(below) {
			t.Errorf("%q instead of %s", got, below)
		}
		if err := os.Chmod(m.Path(below), modes[1]); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPatched: an Ollama with FlashHead inside needs no plug-in, and nobody is looked for.
func TestPatched(t *testing.T) {
	r := Report{Server: Server{Reachable: true, Patched: true}}
	r.plugin(context.Background(), installationtest.New(t).Places)
	if len(r.Problems) > 0 {
		t.Errorf("%+v", r.Problems)
	}
}

// TestPluginTool: the plug-in's own tool cannot list devices and is not asked to.
func TestPluginTool(t *testing.T) {
	m := installationtest.New(t)
	tool := m.Write("dist/lib/flashhead/llama-flashhead", "#!/bin/sh\nexit 1\n", 0o755)
	m.Write("dist/lib/flashhead/libflashhead-tool.so", "", 0o755)
	var r Report
	r.library(context.Background(), []string{filepath.Dir(tool)}, bundle.Bundle{}, nil)
	if r.Library.Tool != tool || len(r.Problems) > 0 {
		t.Errorf("%+v, %+v", r.Library, r.Problems)
	}
}
