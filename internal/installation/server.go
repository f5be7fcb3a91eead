package installation

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Server is a running `ollama serve`.
type Server struct {
	PID         int
	UID         int       // of the user who runs it
	Program     string    // path as the system names it, links not resolved
	Started     time.Time // to a second; zero if unknown
	Answers     bool      // it listens at OLLAMA_HOST
	Readable    bool      // we may read its environment; another user's only root may read
	BackendPath string    // GGML_BACKEND_PATH in its environment, if Readable

	groups   []string // paths of its control groups
	confined string   // see Installation.Confined
}

// Runner is a process that runs a model for a server.
type Runner struct {
	PID      int
	Readable bool     // we may see its libraries
	Mapped   []string // paths of the libraries it has loaded, if Readable
}

// servers returns the running servers, the one that answers at OLLAMA_HOST first.
func (p Places) servers() []Server {
	var all []Server
	own := p.groups("self")
	for _, pid := range p.processes() {
		args := p.arguments(pid)
		if len(args) < 2 || args[1] != "serve" && args[1] != "start" {
			continue
		}
		program := p.program(pid, args[0])
		if filepath.Base(program) != "ollama" || !filepath.IsAbs(program) { // relative to a folder that we cannot see
			continue
		}
		s := Server{PID: pid, UID: p.owner(pid), Program: program, Started: p.started(pid),
			groups: p.groups(strconv.Itoa(pid))}
		s.confined = confinedGroup(s.groups, own)
		if env, err := os.ReadFile(p.process(pid, "environ")); err == nil {
			s.Readable = true
			for _, entry := range strings.Split(string(env), "\x00") {
				if value, ok := strings.CutPrefix(entry, "GGML_BACKEND_PATH="); ok {
					s.BackendPath = value
				}
			}
		}
		all = append(all, s)
	}
	p.markAnswering(all)
	slices.SortStableFunc(all, func(a, b Server) int {
		switch {
		case a.Answers == b.Answers:
			return 0
		case a.Answers:
			return -1
		default:
			return 1
		}
	})
	return all
}

// Runners returns the processes that run models for s.
func (p Places) Runners(s Server) []Runner {
	var all []Runner
	for _, pid := range p.processes() {
		if p.status(pid, "PPid") != strconv.Itoa(s.PID) {
			continue
		}
		args := p.arguments(pid)
		if len(args) == 0 || filepath.Base(p.program(pid, args[0])) != ServerName {
			continue
		}
		r := Runner{PID: pid}
		if maps, err := os.ReadFile(p.process(pid, "maps")); err == nil {
			r.Readable = true
			for line := range strings.Lines(string(maps)) { // address permissions offset device inode path
				if _, path, ok := strings.Cut(line, " /"); ok && strings.Contains(path, ".so") {
					r.Mapped = append(r.Mapped, "/"+strings.TrimSuffix(strings.TrimSuffix(path, "\n"), deleted))
				}
			}
			slices.Sort(r.Mapped)
			r.Mapped = slices.Compact(r.Mapped)
		}
		all = append(all, r)
	}
	return all
}

// deleted follows the path of a file in use that was replaced or removed.
const deleted = " (deleted)"

func (p Places) process(pid int, name ...string) string {
	return filepath.Join(append([]string{p.Proc, strconv.Itoa(pid)}, name...)...)
}

// processes returns the IDs of the running processes, in order.
func (p Places) processes() []int {
	entries, _ := os.ReadDir(p.Proc)
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// arguments returns a process's command line, which any user may read.
func (p Places) arguments(pid int) []string {
	data, err := os.ReadFile(p.process(pid, "cmdline"))
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

// program returns the path of a process's executable. For another user's process only the command line tells it.
func (p Places) program(pid int, named string) string {
	if path, err := os.Readlink(p.process(pid, "exe")); err == nil {
		return strings.TrimSuffix(path, deleted) // by an update
	}
	if filepath.Base(named) == named {
		return cmp.Or(p.inPath(named), named)
	}
	return named
}

// status returns one field of a process's status, "" if there is none.
func (p Places) status(pid int, field string) string {
	data, _ := os.ReadFile(p.process(pid, "status"))
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// owner returns the number of the user who runs a process, -1 if unknown.
func (p Places) owner(pid int) int {
	ids := strings.Fields(p.status(pid, "Uid")) // real, effective, saved, file system
	if len(ids) < 2 {
		return -1
	}
	uid, err := strconv.Atoi(ids[1])
	if err != nil {
		return -1
	}
	return uid
}

// ticks is the number of clock ticks per second in which a process's start is counted, the same on every Linux that
// Ollama supports.
const ticks = 100

func (p Places) started(pid int) time.Time {
	stat, _ := os.ReadFile(p.process(pid, "stat"))
	_, rest, ok := strings.Cut(string(stat), ") ") // the name before may contain anything
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return time.Time{}
	}
	start, err := strconv.ParseInt(fields[19], 10, 64) // field 22, since boot
	if err != nil {
		return time.Time{}
	}
	system, _ := os.ReadFile(filepath.Join(p.Proc, "stat"))
	for line := range strings.Lines(string(system)) {
		if value, ok := strings.CutPrefix(line, "btime "); ok {
			if boot, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil {
				return time.Unix(boot+start/ticks, 0)
			}
		}
	}
	return time.Time{}
}

// groups returns the paths of the control groups of a process, which may be "self".
func (p Places) groups(process string) []string {
	data, _ := os.ReadFile(filepath.Join(p.Proc, process, "cgroup"))
	var paths []string
	for line := range strings.Lines(string(data)) { // number:controllers:path
		if parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3); len(parts) == 3 {
			paths = append(paths, parts[2])
		}
	}
	return paths
}

// confinedGroup names the container or sandbox that holds a process of these control groups, but not one of the groups
// own.
func confinedGroup(groups, own []string) string {
	for _, group := range groups {
		if slices.ContainsFunc(own, func(o string) bool { return strings.HasPrefix(group+"/", o+"/") }) {
			continue
		}
		for name := range strings.SplitSeq(group, "/") {
			switch {
			case strings.HasPrefix(name, "snap."):
				return "a snap"
			case strings.HasPrefix(name, "app-flatpak-"):
				return "a flatpak"
			case name == "docker", name == "lxc", strings.HasPrefix(name, "docker-"), strings.HasPrefix(name, "libpod"),
				strings.HasPrefix(name, "kubepods"), strings.HasPrefix(name, "cri-containerd"),
				strings.HasPrefix(name, "lxc.payload"):
				return "a container"
			}
		}
	}
	return ""
}
