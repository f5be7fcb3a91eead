package installation

import (
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ollama/ollama/envconfig"
)

// Places say where to look for Ollamas. A test lays out a machine in a folder and points them there.
type Places struct {
	Root        string   // of the file system: "/"
	Proc        string   // "/proc"
	Path        []string // the folders of PATH
	Home        string   // the user's folder
	DataHome    string   // the user's folder for programs' data, usually ~/.local/share
	ConfigHome  string   // the user's folder for settings, usually ~/.config
	UID         int      // the user's ID
	Sudo        bool     // the user is root by sudo
	Port        int      // OLLAMA_HOST's, if it is this machine; otherwise 0
	BackendPath string   // GGML_BACKEND_PATH in the user's environment
}

// Here returns the places of this machine and this user. For tests, FH_OLLAMA_ROOT names a folder, as an absolute path,
// with the file system of another machine.
func Here() Places {
	root := folder("FH_OLLAMA_ROOT", "/")
	p := Places{
		Root: root, Proc: filepath.Join(root, "proc"), Path: filepath.SplitList(os.Getenv("PATH")),
		UID: os.Getuid(), Port: localPort(envconfig.ConnectableHost()), BackendPath: os.Getenv("GGML_BACKEND_PATH"),
	}
	lender := os.Getenv("SUDO_UID")
	p.Sudo = p.UID == 0 && lender != "" && lender != "0"
	p.Home, _ = os.UserHomeDir()
	if u, err := user.Current(); err == nil && (p.Home == "" || p.UID == 0 && lender != "") {
		p.Home = u.HomeDir // sudo may keep HOME, but root must leave no files in a user's folder
	}
	p.DataHome = folder("XDG_DATA_HOME", filepath.Join(p.Home, ".local", "share"))
	p.ConfigHome = folder("XDG_CONFIG_HOME", filepath.Join(p.Home, ".config"))
	return p
}

// folder returns the value of the environment variable name if it is an absolute path. The XDG specification says to
// ignore others.
func folder(name, otherwise string) string {
	if dir := os.Getenv(name); filepath.IsAbs(dir) {
		return dir
	}
	return otherwise
}

// localPort returns the port of host if that is this machine, else 0.
func localPort(host *url.URL) int {
	port, err := strconv.Atoi(host.Port())
	if err != nil {
		return 0
	}
	name := host.Hostname()
	self, _ := os.Hostname()
	if strings.EqualFold(name, "localhost") || self != "" && strings.EqualFold(name, self) {
		return port
	}
	ip := net.ParseIP(name)
	if ip == nil {
		return 0
	}
	if ip.IsLoopback() || ip.IsUnspecified() {
		return port
	}
	own, _ := net.InterfaceAddrs()
	if slices.ContainsFunc(own, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip)
	}) {
		return port
	}
	return 0
}

// below returns the path of name below the root.
func (p Places) below(name ...string) string {
	return filepath.Join(append([]string{p.Root}, name...)...)
}

// programs returns the paths where an ollama executable may be: in PATH, then where installers and packages put it.
func (p Places) programs() []string {
	var paths []string
	for _, dir := range p.Path {
		if filepath.IsAbs(dir) { // the working directory is not an installation
			paths = append(paths, filepath.Join(dir, "ollama"))
		}
	}
	for _, dir := range []string{
		"usr/local/bin", "usr/bin", "bin", "opt/ollama/bin", "usr/local/ollama/bin", "usr/local/lib/ollama/bin",
		"usr/lib/ollama/bin", "home/linuxbrew/.linuxbrew/bin", "snap/bin",
	} {
		paths = append(paths, p.below(dir, "ollama"))
	}
	if p.Home != "" {
		for _, dir := range []string{".local/bin", ".local/ollama/bin", "ollama/bin"} {
			paths = append(paths, filepath.Join(p.Home, dir, "ollama"))
		}
	}
	return paths
}

// Named returns the path, links resolved, of the executable that a command line starts by this name; "" if there is
// none.
func (p Places) Named(name string) string {
	if path := p.inPath(name); path != "" {
		return resolve(path)
	}
	return ""
}

func (p Places) inPath(name string) string {
	for _, dir := range p.Path {
		if path := filepath.Join(dir, name); filepath.IsAbs(dir) && executable(path) {
			return path
		}
	}
	return ""
}

// confined names the sandbox of the executable at path, "" if it has none. Links are not followed: a snap's executable
// is a link to the one that starts all snaps.
func (p Places) confined(path string) string {
	in := func(dir string) bool { return strings.HasPrefix(path, dir+string(filepath.Separator)) }
	switch {
	case in(p.below("snap")), in(p.below("var/lib/snapd")):
		return "a snap"
	case in(p.below("var/lib/flatpak")), p.Home != "" && in(filepath.Join(p.Home, ".local/share/flatpak")):
		return "a flatpak"
	}
	return ""
}
