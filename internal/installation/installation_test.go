package installation_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/installation/installationtest"
)

func find(t *testing.T, m installationtest.Machine) []installation.Installation {
	t.Helper()
	found, err := installation.Find(context.Background(), m.Places)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var runtimeFiles = installationtest.Runtime

func TestFindOrder(t *testing.T) {
	m := installationtest.New(t)
	usual := m.AddOllama("usr/local", "0.34.0", runtimeFiles...)
	inPath := m.AddOllama("usr", "0.33.0", runtimeFiles...)
	m.Link("home/ann/.local/bin/ollama", usual) // the same once more
	idle, answering := m.AddOllama("srv/idle", "0.31.0"), m.AddOllama("srv/answering", "0.32.0", runtimeFiles...)
	m.Serve(installationtest.Server{PID: 20, UID: m.Places.UID, Program: idle, Group: "/"})
	m.Serve(installationtest.Server{PID: 30, UID: m.Places.UID, Program: answering, Group: "/", Started: 123 * time.Second,
		Env: []string{"GGML_BACKEND_PATH=/some/libx.so"}})
	m.Serve(installationtest.Server{PID: 40, UID: m.Places.UID, Program: m.Path("bin/other"), Group: "/"}) // no Ollama
	m.Listen(m.Places.UID, 1030, 1020)

	found := find(t, m)
	var programs []string
	for _, i := range found {
		programs = append(programs, i.Program)
	}
	if want := []string{answering, idle, inPath, usual}; !slices.Equal(programs, want) {
		t.Fatalf("found %q, want %q", programs, want)
	}
	first := found[0]
	if first.Version != "0.32.0" || first.LibDir != m.Path("srv/answering/lib/ollama") {
		t.Errorf("%+v", first)
	}
	s := first.Server
	if s == nil || s.PID != 30 || !s.Answers || !s.Readable || s.BackendPath != "/some/libx.so" ||
		!s.Started.Equal(installationtest.Boot.Add(123*time.Second)) {
		t.Errorf("server: %+v", s)
	}
	if found[1].Server == nil || found[1].Server.Answers || found[1].LibDir != "" || found[2].Server != nil {
		t.Errorf("%+v", found[1:])
	}

	at, err := installation.At(context.Background(), m.Places, filepath.Join(m.Places.Home, ".local/bin/ollama"))
	if err != nil || at.Program != usual || at.Server != nil {
		t.Errorf("At a link: %+v, %v", at, err)
	}
	if at, err = installation.At(context.Background(), m.Places, idle); err != nil || at.Server == nil ||
		at.Server.PID != 20 {
		t.Errorf("At a running one: %+v, %v", at, err)
	}
	t.Chdir(m.Path("srv"))
	if at, err = installation.At(context.Background(), m.Places, "idle/bin/ollama"); err != nil || at.Program != idle {
		t.Errorf("At a relative path: %+v, %v", at, err)
	}
	if _, err = installation.At(context.Background(), m.Places, m.Places.Home); err == nil || hint.Of(err) == "" {
		t.Errorf("At a folder: %v", err)
	}
}

// Of another user's server we may know the command line only.
func TestHiddenProgram(t *testing.T) {
	m := installationtest.New(t)
	program := m.AddOllama("usr", "0.34.2", runtimeFiles...) // in PATH
	t.Chdir(m.Path("usr"))
	m.Serve(installationtest.Server{PID: 55, UID: 997, Program: "bin/ollama", Hidden: true})
	if i := find(t, m)[0]; i.Program != program || i.Server != nil {
		t.Errorf("a path of another folder was followed from here: %+v", i)
	}
	m.Serve(installationtest.Server{PID: 55, UID: 997, Program: "ollama", Hidden: true})
	if i := find(t, m)[0]; i.Program != program || i.Server == nil {
		t.Errorf("not taken for the one in PATH: %+v", i)
	}
	m.Listen(997, 77)
	if s := find(t, m)[0].Server; !s.Answers || s.Readable || s.UID != 997 {
		t.Errorf("the only server of its user does not answer: %+v", s)
	}
	m.Serve(installationtest.Server{PID: 56, UID: 997, Program: program, Group: "/", Hidden: true})
	if find(t, m)[0].Server.Answers {
		t.Error("one of two hidden servers is taken for the one that answers")
	}
}

func TestUnits(t *testing.T) {
	const (
		system   = "etc/systemd/system/ollama.service"
		dropIns  = system + ".d/"
		packaged = "lib/systemd/system/ollama.service"
		starts   = "[Service]\nExecStart=PROGRAM serve\nEnvironment=\"PATH=/usr/bin\"\n"
		file     = starts + "EnvironmentFile=-ROOT/etc/env\n"
		set      = "[Service]\nEnvironment=GGML_BACKEND_PATH=/z.so\n"
	)
	for name, c := range map[string]struct {
		files   map[string]string
		group   string // of the running server; "": none runs
		unit    string // "": none
		user    bool
		library string
		setBy   string
	}{
		"no service":        {},
		"not running":       {files: map[string]string{packaged: starts}, unit: "ollama.service"},
		"another program's": {files: map[string]string{packaged: "[Service]\nExecStart=/bin/true\n"}},
		"user's": {files: map[string]string{"home/ann/.config/systemd/user/ollama.service": starts},
			group: "/user.slice/user-1.slice/user@1.service/app.slice/ollama.service", unit: "ollama.service", user: true},
		"other name": {
			files: map[string]string{"etc/systemd/system/llm.service": "[Service]\nExecStart=-PROGRAM \\\n  serve\n"},
			group: "/system.slice/llm.service", unit: "llm.service"},
		"from a terminal": {files: map[string]string{system: starts},
			group: "/user.slice/user-1.slice/user@1.service/app.slice/vte-spawn-1.scope"},
		"from cron": {files: map[string]string{"etc/systemd/system/cron.service": "[Service]\nExecStart=/usr/sbin/cron\n"},
			group: "/system.slice/cron.service"},
		"library set": {files: map[string]string{system: starts,
			dropIns + "b.conf":                  "[Service]\nEnvironment=A=1 \"GGML_BACKEND_PATH=/a b/%%x.so\"\n",
			"usr/lib/" + dropIns[4:] + "b.conf": set}, // hidden by the one of the same name
			unit: "ollama.service", library: "/a b/%x.so", setBy: dropIns + "b.conf"},
		"library taken back": {files: map[string]string{system: starts, dropIns + "a.conf": set,
			dropIns + "b.conf": "[Service]\nEnvironment=\n"}, unit: "ollama.service"},
		"a file of variables": {files: map[string]string{system: file, dropIns + "z.conf": set,
			"etc/env": "# mine\nGGML_BACKEND_PATH='/x/y%.so'\n"}, unit: "ollama.service", library: "/x/y%.so", setBy: "etc/env"},
		"that file taken back": {files: map[string]string{system: file, dropIns + "z.conf": set + "EnvironmentFile=\n",
			"etc/env": "GGML_BACKEND_PATH=/x/y.so\n"}, unit: "ollama.service", library: "/z.so", setBy: dropIns + "z.conf"},
	} {
		t.Run(name, func(t *testing.T) {
			m := installationtest.New(t)
			program := m.AddOllama("usr/local", "0.34.2", runtimeFiles...)
			for path, content := range c.files {
				m.Write(path, strings.NewReplacer("PROGRAM", program, "ROOT", m.Places.Root).Replace(content), 0o644)
			}
			if c.group != "" {
				m.Serve(installationtest.Server{PID: 60, UID: m.Places.UID, Program: program, Group: c.group})
			}
			u := find(t, m)[0].Unit
			if c.unit == "" {
				if u != nil {
					t.Fatalf("found %+v", u)
				}
				return
			}
			setBy := ""
			if c.setBy != "" {
				setBy = m.Path(c.setBy)
			}
			if u == nil || u.Name != c.unit || u.User != c.user || u.BackendPath != c.library || u.SetBy != setBy {
				t.Fatalf("found %+v", u)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		version    string
		libraries  []string
		group      string
		cause, way string
	}{
		"sound":             {"0.34.2", runtimeFiles, "", "", ""},
		"first":             {"0.30.0-rc1", runtimeFiles, "", "", ""},
		"compiled":          {"0.0.0", runtimeFiles, "", "", ""},
		"says nothing":      {"", runtimeFiles, "", "", ""},
		"too old":           {"0.29.9", nil, "", "version 0.29.9", "update"},
		"patched":           {"0.34.2+flashhead.0.1.0", runtimeFiles, "", "has FlashHead already", "fh-ollama on"},
		"no server program": {"0.34.2", nil, "", "no llama-server", "fh-ollama build"},
		"static":            {"0.34.2", runtimeFiles[:1], "", "statically", "fh-ollama build"},
		"CPU inside":        {"0.34.2", runtimeFiles[:2], "", "statically", "fh-ollama build"},
		"container":         {"0.34.2", runtimeFiles, "/system.slice/docker-0123.scope", "a container", "fh-ollama build"},
		"snap": {"0.34.2", runtimeFiles, "/system.slice/snap.ollama.listener.service", "a snap",
			"fh-ollama build"},
	} {
		m := installationtest.New(t)
		program := m.AddOllama("usr/local", c.version, c.libraries...)
		if c.group != "" {
			m.Serve(installationtest.Server{PID: 70, UID: m.Places.UID, Program: program, Group: c.group})
		}
		err := find(t, m)[0].Check()
		if c.cause == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.cause) || !strings.Contains(hint.Of(err), c.way) {
			t.Errorf("%s: %v, %q", name, err, hint.Of(err))
		}
	}
}

// A server in the same container as this process is not confined.
func TestSameContainer(t *testing.T) {
	m := installationtest.New(t)
	m.Write("proc/self/cgroup", "0::/docker/0123\n", 0o644)
	m.Serve(installationtest.Server{PID: 80, UID: m.Places.UID,
		Program: m.AddOllama("usr/local", "0.34.2", runtimeFiles...), Group: "/docker/0123"})
	if err := find(t, m)[0].Check(); err != nil {
		t.Error(err)
	}
}

func TestSnapOnDisk(t *testing.T) {
	m := installationtest.New(t)
	m.Link("snap/bin/ollama", m.Write("usr/bin/snap", "#!/bin/sh\nexit 1\n", 0o755))
	found := find(t, m)
	if len(found) != 1 || found[0].Confined != "a snap" || found[0].Version != "" {
		t.Errorf("%+v", found)
	}
}

func TestGPU(t *testing.T) {
	for name, c := range map[string]struct {
		backend, device string
		found, sure     bool
	}{
		"NVIDIA":     {"cuda_v13/libggml-cuda.so", "dev/nvidia0", true, true},
		"AMD":        {"rocm_v7_2/libggml-hip.so", "dev/kfd", true, true},
		"Vulkan":     {"vulkan/libggml-vulkan.so", "dev/dri/renderD128", true, false},
		"no device":  {"cuda_v13/libggml-cuda.so", "dev/null", false, false},
		"no backend": {"libggml-cpu-sse42.so", "dev/nvidia0", false, false},
		"other":      {"cuda_v13/libggml-cuda.so", "dev/kfd", false, false},
	} {
		m := installationtest.New(t)
		m.AddOllama("usr/local", "0.34.2", append([]string{c.backend}, runtimeFiles...)...)
		m.Write(c.device, "", 0o644)
		gpu := find(t, m)[0].GPU(m.Places)
		if (gpu != nil) != c.found || c.found && (gpu.Sure != c.sure ||
			gpu.Device != filepath.Join(m.Places.Root, c.device)) {
			t.Errorf("%s: %+v", name, gpu)
		}
	}
}

func TestRunners(t *testing.T) {
	m := installationtest.New(t)
	program := m.AddOllama("usr/local", "0.34.2", runtimeFiles...)
	m.Serve(installationtest.Server{PID: 90, UID: m.Places.UID, Program: program, Group: "/"})
	m.Child(91, 90, "llama-server", "7f00-7f01 r-xp 0 fe:00 1                          /x/lib with space.so\n"+
		"7f01-7f02 r--p 0 fe:00 1                          /x/lib with space.so (deleted)\n7f03-7f04 rw-p 0 00:00 0    "+
		"[heap]\n")
	m.Child(92, 90, "something", "-")
	m.Child(93, 90, "llama-server", "")
	m.Child(94, 1, "llama-server", "-")
	got := m.Places.Runners(*find(t, m)[0].Server)
	if len(got) != 2 || got[0].PID != 91 || !slices.Equal(got[0].Mapped, []string{"/x/lib with space.so"}) ||
		!got[0].Readable || got[1].Readable {
		t.Errorf("%+v", got)
	}
}
