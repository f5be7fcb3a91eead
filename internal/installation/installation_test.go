package installation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// machine lays out a machine in a folder.
type machine struct {
	t *testing.T
	Places
}

func newMachine(t *testing.T) machine {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := machine{t, Places{
		Root: root, Proc: filepath.Join(root, "proc"), Path: []string{filepath.Join(root, "usr/bin"), "."},
		Home: filepath.Join(root, "home/ann"), UID: os.Getuid(), Port: 11434,
	}}
	m.DataHome, m.ConfigHome = filepath.Join(m.Home, ".local/share"), filepath.Join(m.Home, ".config")
	return m
}

// write makes a file below the root.
func (m machine) write(path, content string, mode os.FileMode) string {
	m.t.Helper()
	path = filepath.Join(m.Root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		m.t.Fatal(err)
	}
	return path
}

func (m machine) link(path, target string) {
	m.t.Helper()
	path = filepath.Join(m.Root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		m.t.Fatal(err)
	}
}

// ollama makes a program that answers with version, and a runtime with the given libraries.
func (m machine) ollama(prefix, version string, libraries ...string) string {
	m.t.Helper()
	for _, name := range libraries {
		m.write(filepath.Join(prefix, "lib/ollama", name), "", 0o755)
	}
	script := "#!/bin/sh\necho Warning: could not connect to a running Ollama instance\necho Warning: client version is " + version + "\n"
	return m.write(filepath.Join(prefix, "bin/ollama"), script, 0o755)
}

var runtimeFiles = []string{"llama-server", "libggml-base.so.0", "libggml-cpu-haswell.so"}

// serve describes a running `ollama serve`. With open, its owner looks at it.
func (m machine) serve(pid, uid int, program, group string, open bool, env ...string) {
	m.t.Helper()
	dir := fmt.Sprintf("proc/%d/", pid)
	m.write(dir+"cmdline", program+"\x00serve\x00", 0o644)
	m.write(dir+"status", fmt.Sprintf("Name:\tollama\nPPid:\t1\nUid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\n", uid), 0o644)
	m.write(dir+"stat", fmt.Sprintf("%d (olla ma) S %s 12345 0", pid, strings.Repeat("0 ", 18)), 0o644)
	m.write(dir+"cgroup", "0::"+group+"\n", 0o644)
	m.write("proc/stat", "cpu 1 2\nbtime 1700000000\n", 0o644)
	if open {
		m.link(dir+"exe", program+" (deleted)")
		m.link(dir+"fd/3", fmt.Sprintf("socket:[%d]", 1000+pid))
		m.write(dir+"environ", strings.Join(append([]string{"A=b"}, env...), "\x00")+"\x00", 0o600)
	}
}

// listen describes a socket that listens at Port.
func (m machine) listen(uid, inode int) {
	m.write("proc/net/tcp", fmt.Sprintf("  sl  local_address rem_address st\n"+
		"   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1\n"+
		"   1: 0100007F:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000 %d 0 %d 1\n"+
		"   2: 0100007F:%04X 00000000:0000 01 00000000:00000000 00:00000000 00000000 9 0 9 1\n", m.Port, uid, inode, m.Port), 0o644)
}

func (m machine) find() []Installation {
	m.t.Helper()
	found, err := Find(context.Background(), m.Places)
	if err != nil {
		m.t.Fatal(err)
	}
	return found
}

func TestFindNone(t *testing.T) {
	m := newMachine(t)
	m.write("usr/bin/ollama", "no program", 0o644)
	if found, err := Find(context.Background(), m.Places); !errors.Is(err, ErrNone) || hint.Of(err) == "" {
		t.Errorf("%v, %v", found, err)
	}
}

// TestFindOrder has five Ollamas: of the server that answers, of another server, in PATH and twice in usual places.
func TestFindOrder(t *testing.T) {
	m := newMachine(t)
	usual := m.ollama("usr/local", "0.34.0", runtimeFiles...)
	inPath := m.ollama("usr", "0.33.0", runtimeFiles...)
	m.link("home/ann/.local/bin/ollama", usual) // the same once more
	idle, answering := m.ollama("srv/idle", "0.31.0"), m.ollama("srv/answering", "0.32.0", runtimeFiles...)
	m.serve(20, m.UID, idle, "/", true)
	m.serve(30, m.UID, answering, "/", true, "GGML_BACKEND_PATH=/some/libx.so")
	m.serve(40, m.UID, filepath.Join(m.Root, "bin/other"), "/", true) // no Ollama
	m.listen(m.UID, 1030)

	found := m.find()
	var programs []string
	for _, i := range found {
		programs = append(programs, i.Program)
	}
	if want := []string{answering, idle, inPath, usual}; !slices.Equal(programs, want) {
		t.Fatalf("found %q, want %q", programs, want)
	}
	first := found[0]
	if first.Version != "0.32.0" || first.LibDir != filepath.Join(m.Root, "srv/answering/lib/ollama") {
		t.Errorf("%+v", first)
	}
	s := first.Server
	if s == nil || s.PID != 30 || !s.Answers || !s.Readable || s.BackendPath != "/some/libx.so" || !s.Started.Equal(time.Unix(1700000123, 0)) {
		t.Errorf("server: %+v", s)
	}
	if found[1].Server == nil || found[1].Server.Answers || found[1].LibDir != "" || found[2].Server != nil {
		t.Errorf("%+v", found[1:])
	}

	at, err := At(context.Background(), m.Places, filepath.Join(m.Home, ".local/bin/ollama"))
	if err != nil || at.Program != usual || at.Server != nil {
		t.Errorf("At a link: %+v, %v", at, err)
	}
	if at, err = At(context.Background(), m.Places, idle); err != nil || at.Server == nil || at.Server.PID != 20 {
		t.Errorf("At a running one: %+v, %v", at, err)
	}
	t.Chdir(filepath.Join(m.Root, "srv"))
	if at, err = At(context.Background(), m.Places, "idle/bin/ollama"); err != nil || at.Program != idle {
		t.Errorf("At a relative path: %+v, %v", at, err)
	}
	if _, err = At(context.Background(), m.Places, m.Home); err == nil || hint.Of(err) == "" {
		t.Errorf("At a folder: %v", err)
	}
}

const service = "[Service]\nExecStart=%s serve\nEnvironment=\"PATH=/usr/bin\"\n"

// TestOtherUsersService is what a user sees who is not root where Ollama's installer has made a service.
func TestOtherUsersService(t *testing.T) {
	m := newMachine(t)
	program := m.ollama("usr/local", "0.34.2", runtimeFiles...)
	m.write("etc/systemd/system/ollama.service", fmt.Sprintf(service, program), 0o644)
	m.serve(50, 997, program, "/system.slice/ollama.service", false)
	m.listen(997, 77)
	i := m.find()[0]
	if s := i.Server; s == nil || !s.Answers || s.Readable || s.UID != 997 {
		t.Fatalf("server: %+v", i.Server)
	}
	if u := i.Unit; u == nil || u.Name != "ollama.service" || u.User || u.BackendPath != "" ||
		u.DropIns != filepath.Join(m.Root, "etc/systemd/system/ollama.service.d") {
		t.Errorf("unit: %+v", i.Unit)
	}
	if got := i.Unit.Restart("sudo "); got != "sudo systemctl daemon-reload && sudo systemctl restart ollama" {
		t.Error(got)
	}
	m.serve(51, 997, program, "/", false) // which of the two answers cannot be seen
	if m.find()[0].Server.Answers {
		t.Error("one of two hidden servers is taken for the one that answers")
	}
}

func TestUnits(t *testing.T) {
	for name, c := range map[string]struct {
		files   map[string]string // %s: the program
		group   string            // of the running server; "": none runs
		unit    string            // "": none
		user    bool
		library string
	}{
		"no service": {nil, "", "", false, ""},
		"not running": {map[string]string{"lib/systemd/system/ollama.service": service},
			"", "ollama.service", false, ""},
		"another program's": {map[string]string{"lib/systemd/system/ollama.service": "[Service]\nExecStart=/bin/true\n#%s"},
			"", "", false, ""},
		"user's": {map[string]string{"home/ann/.config/systemd/user/ollama.service": service},
			"/user.slice/user-1.slice/user@1.service/app.slice/ollama.service", "ollama.service", true, ""},
		"other name": {map[string]string{"etc/systemd/system/llm.service": "[Service]\nExecStart=-%s \\\n  serve\n"},
			"/system.slice/llm.service", "llm.service", false, ""},
		"from a terminal": {map[string]string{"etc/systemd/system/ollama.service": service},
			"/user.slice/user-1.slice/user@1.service/app.slice/vte-spawn-1.scope", "", false, ""},
		"from cron": {map[string]string{"etc/systemd/system/cron.service": "[Service]\nExecStart=/usr/sbin/cron\n#%s"},
			"/system.slice/cron.service", "", false, ""},
		"library set": {map[string]string{"etc/systemd/system/ollama.service": service,
			"etc/systemd/system/ollama.service.d/b.conf":     "[Service]\nEnvironment=A=1 \"GGML_BACKEND_PATH=/a b/%%%%x.so\"\n#%s",
			"usr/lib/systemd/system/ollama.service.d/b.conf": "[Service]\nEnvironment=GGML_BACKEND_PATH=/hidden\n#%s"},
			"", "ollama.service", false, "/a b/%x.so"},
		"library taken back": {map[string]string{"etc/systemd/system/ollama.service": service,
			"etc/systemd/system/ollama.service.d/a.conf": "[Service]\nEnvironment=GGML_BACKEND_PATH=/x\n#%s",
			"etc/systemd/system/ollama.service.d/b.conf": "[Service]\nEnvironment=\n#%s"},
			"", "ollama.service", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			program := m.ollama("usr/local", "0.34.2", runtimeFiles...)
			for path, content := range c.files {
				m.write(path, fmt.Sprintf(content, program), 0o644)
			}
			if c.group != "" {
				m.serve(60, m.UID, program, c.group, true)
			}
			u := m.find()[0].Unit
			if c.unit == "" {
				if u != nil {
					t.Fatalf("found %+v", u)
				}
				return
			}
			if u == nil || u.Name != c.unit || u.User != c.user || u.BackendPath != c.library || (u.SetBy != "") != (c.library != "") {
				t.Fatalf("found %+v", u)
			}
		})
	}
}

// TestEnvironmentFile: what such a file says wins over every Environment=.
func TestEnvironmentFile(t *testing.T) {
	m := newMachine(t)
	program := m.ollama("usr/local", "0.34.2", runtimeFiles...)
	env := m.write("etc/default/ollama", "# mine\nGGML_BACKEND_PATH='/x/y.so'\n", 0o644)
	m.write("etc/systemd/system/ollama.service", fmt.Sprintf(service, program)+"EnvironmentFile=-"+env+"\n", 0o644)
	m.write("etc/systemd/system/ollama.service.d/z.conf", "[Service]\nEnvironment=GGML_BACKEND_PATH=/z.so\n", 0o644)
	if u := m.find()[0].Unit; u == nil || u.BackendPath != "/x/y.so" || u.SetBy != env {
		t.Errorf("%+v", u)
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
		"patched":           {"0.34.2+flashhead.0.1.0", runtimeFiles, "", "has FlashHead already", "create"},
		"no server program": {"0.34.2", nil, "", "no llama-server", "fh-ollama build"},
		"static":            {"0.34.2", runtimeFiles[:1], "", "statically", "fh-ollama build"},
		"CPU inside":        {"0.34.2", runtimeFiles[:2], "", "statically", "fh-ollama build"},
		"container":         {"0.34.2", runtimeFiles, "/system.slice/docker-0123.scope", "a container", "fh-ollama build"},
		"snap":              {"0.34.2", runtimeFiles, "/system.slice/snap.ollama.listener.service", "a snap", "fh-ollama build"},
	} {
		m := newMachine(t)
		program := m.ollama("usr/local", c.version, c.libraries...)
		if c.group != "" {
			m.serve(70, m.UID, program, c.group, true)
		}
		err := m.find()[0].Check()
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

// TestSameContainer: a server that runs in the container of this process is not shut off from it.
func TestSameContainer(t *testing.T) {
	m := newMachine(t)
	m.write("proc/self/cgroup", "0::/docker/0123\n", 0o644)
	m.serve(80, m.UID, m.ollama("usr/local", "0.34.2", runtimeFiles...), "/docker/0123", true)
	if err := m.find()[0].Check(); err != nil {
		t.Error(err)
	}
}

func TestSnapOnDisk(t *testing.T) {
	m := newMachine(t)
	m.link("snap/bin/ollama", m.write("usr/bin/snap", "#!/bin/sh\nexit 1\n", 0o755))
	found := m.find()
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
		m := newMachine(t)
		m.ollama("usr/local", "0.34.2", append([]string{c.backend}, runtimeFiles...)...)
		m.write(c.device, "", 0o644)
		gpu := m.find()[0].GPU(m.Places)
		if (gpu != nil) != c.found || c.found && (gpu.Sure != c.sure || gpu.Device != filepath.Join(m.Root, c.device)) {
			t.Errorf("%s: %+v", name, gpu)
		}
	}
}

func TestRunners(t *testing.T) {
	m := newMachine(t)
	program := m.ollama("usr/local", "0.34.2", runtimeFiles...)
	m.serve(90, m.UID, program, "/", true)
	for pid, name := range map[int]string{91: "llama-server", 92: "something", 93: "llama-server"} {
		dir := fmt.Sprintf("proc/%d/", pid)
		m.write(dir+"cmdline", "/x/"+name+"\x00--model\x00m\x00", 0o644)
		m.write(dir+"status", fmt.Sprintf("PPid:\t%d\n", 90), 0o644)
	}
	m.write("proc/91/maps", "7f00-7f01 r-xp 0 fe:00 1                          /x/lib with space.so\n"+
		"7f01-7f02 r--p 0 fe:00 1                          /x/lib with space.so\n7f03-7f04 rw-p 0 00:00 0    [heap]\n", 0o600)
	got := m.Runners(*m.find()[0].Server)
	if len(got) != 2 || got[0].PID != 91 || !slices.Equal(got[0].Mapped, []string{"/x/lib with space.so"}) || !got[0].Readable || got[1].Readable {
		t.Errorf("%+v", got)
	}
}
