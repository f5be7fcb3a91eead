// Package installationtest lays out machines with Ollamas in a folder, for tests.
package installationtest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// Boot is the boot time of every machine.
var Boot = time.Unix(1700000000, 0)

// Machine is a made-up machine whose file system lies below Places.Root.
type Machine struct {
	Places installation.Places
	t      testing.TB
}

// New returns a machine without an Ollama. Its user ann has the UID of the test.
func New(t testing.TB) Machine {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(root, "home/ann")
	m := Machine{t: t, Places: installation.Places{
		Root: root, Proc: filepath.Join(root, "proc"), Path: []string{filepath.Join(root, "usr/bin"), "."}, Home: home,
		DataHome: filepath.Join(home, ".local/share"), ConfigHome: filepath.Join(home, ".config"), UID: os.Getuid(),
		Port: 11434,
	}}
	m.Write("home/ann/notes", "mine", 0o644)
	m.Write("proc/stat", fmt.Sprintf("cpu 1 2\nbtime %d\n", Boot.Unix()), 0o644)
	return m
}

// Path returns the path of a file below the root.
func (m Machine) Path(below string) string { return filepath.Join(m.Places.Root, below) }

// Write makes a file below the root and returns its path.
func (m Machine) Write(below, content string, mode os.FileMode) string {
	m.t.Helper()
	path := m.Path(below)
	m.check(os.MkdirAll(filepath.Dir(path), 0o755))
	m.check(os.WriteFile(path, []byte(content), mode))
	return path
}

// Link makes a symbolic link below the root.
func (m Machine) Link(below, target string) {
	m.t.Helper()
	m.check(os.MkdirAll(filepath.Dir(m.Path(below)), 0o755))
	m.check(os.Symlink(target, m.Path(below)))
}

// Remove removes a file below the root.
func (m Machine) Remove(below string) {
	m.t.Helper()
	m.check(os.Remove(m.Path(below)))
}

// Read returns the content of a file below the root.
func (m Machine) Read(below string) string {
	m.t.Helper()
	data, err := os.ReadFile(m.Path(below))
	m.check(err)
	return string(data)
}

// Exists reports whether a path below the root exists.
func (m Machine) Exists(below string) bool {
	_, err := os.Lstat(m.Path(below))
	return err == nil
}

// Tree lists everything below the root, with modes and hashes.
func (m Machine) Tree() string {
	m.t.Helper()
	var b strings.Builder
	m.check(filepath.WalkDir(m.Places.Root, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v", path, info.Mode())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %x", sha256.Sum256(data))
		}
		b.WriteByte('\n')
		return nil
	}))
	return b.String()
}

// Runtime is the least that Ollama's folder needs to load backends.
var Runtime = []string{installation.ServerName, "libggml-base.so.0", "libggml-cpu-haswell.so"}

// Loads is a llama-server that prints what the real one prints after loading a converted model with the plug-in.
const Loads = "#!/bin/sh\necho flash_head: active on CPU: output.weight\necho model loaded\n"

// AddOllama adds an executable that prints version, and its libraries, below prefix. It returns the executable's path.
func (m Machine) AddOllama(prefix, version string, libraries ...string) string {
	m.t.Helper()
	for _, name := range libraries {
		content := name
		if name == installation.ServerName {
			content = Loads
		}
		m.Write(filepath.Join(prefix, "lib/ollama", name), content, 0o755)
	}
	return m.Write(filepath.Join(prefix, "bin/ollama"),
		"#!/bin/sh\necho Warning: could not connect to a running Ollama instance\necho Warning: client version is "+
			version+"\n", 0o755)
}

// Service writes the file of a systemd service that starts program.
func (m Machine) Service(below, program string) {
	m.t.Helper()
	m.Write(below, "[Service]\nExecStart="+program+" serve\nEnvironment=\"PATH=/usr/bin\"\n", 0o644)
}

// Server is a process `ollama serve`.
type Server struct {
	PID, UID int
	Program  string
	Group    string        // control group
	Hidden   bool          // belongs to another user, who hides its files, environment and libraries
	Started  time.Duration // after Boot
	Env      []string
}

// Serve adds a running server with the open socket 1000+PID.
func (m Machine) Serve(s Server) {
	m.t.Helper()
	dir := fmt.Sprintf("proc/%d/", s.PID)
	m.Write(dir+"cmdline", s.Program+"\x00serve\x00", 0o644)
	m.Write(dir+"status", fmt.Sprintf("Name:\tollama\nPPid:\t1\nUid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\n", s.UID), 0o644)
	m.Write(dir+"stat", fmt.Sprintf("%d (olla ma) S %s%d 0", s.PID, strings.Repeat("0 ", 18),
		int(s.Started.Seconds()*100)), 0o644)
	m.Write(dir+"cgroup", "0::"+s.Group+"\n", 0o644)
	if !s.Hidden {
		m.Link(dir+"exe", s.Program+" (deleted)")
		m.Link(dir+"fd/3", fmt.Sprintf("socket:[%d]", 1000+s.PID))
		m.Write(dir+"environ", strings.Join(append([]string{"A=b"}, s.Env...), "\x00")+"\x00", 0o600)
	}
}

// Listen adds a user's socket that listens at OLLAMA_HOST's port, and connected ones of the same port.
func (m Machine) Listen(uid, inode int, connected ...int) {
	m.t.Helper()
	const row = "   0: 0100007F:%04X 00000000:0000 %s 00000000:00000000 00:00000000 00000000 %d 0 %d 1\n"
	text := "  sl  local_address rem_address st\n" + fmt.Sprintf(row, 22, "0A", 0, 1) + fmt.Sprintf(row, m.Places.Port,
		"0A", uid, inode)
	for _, other := range connected {
		text += fmt.Sprintf(row, m.Places.Port, "01", uid, other)
	}
	m.Write("proc/net/tcp", text, 0o644)
}

// Child adds a process called name that a server started. With maps "" its libraries are hidden.
func (m Machine) Child(pid, parent int, name, maps string) {
	m.t.Helper()
	dir := fmt.Sprintf("proc/%d/", pid)
	m.Write(dir+"cmdline", "/x/"+name+"\x00--model\x00m\x00", 0o644)
	m.Write(dir+"status", fmt.Sprintf("PPid:\t%d\n", parent), 0o644)
	if maps != "" {
		m.Write(dir+"maps", maps, 0o600)
	}
}

func (m Machine) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}
