package installation

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Unit is a systemd service that runs an Ollama.
type Unit struct {
	Name        string // e.g. "ollama.service"
	User        bool   // of a user's systemd, not of the system's
	UID         int    // that user's ID
	DropIns     string // folder for drop-ins; it need not exist
	BackendPath string // GGML_BACKEND_PATH in the unit's files, "" for none
	SetBy       string // the file that sets it
	Account     string // the user that the files name; "" for root, or for the user whose service it is
}

// Systemctl returns the command that controls the unit's systemd.
func (u Unit) Systemctl() string {
	if u.User {
		return "systemctl --user"
	}
	return "systemctl"
}

// Restart returns the shell command that reloads and restarts the unit. prefix, such as "sudo ", precedes each part.
func (u Unit) Restart(prefix string) string {
	command := prefix + u.Systemctl()
	return command + " daemon-reload && " + command + " restart " + strings.TrimSuffix(u.Name, ".service")
}

// unit returns the service of i's running server, or without a server one that starts i's executable.
func (p Places) unit(i Installation) *Unit {
	if i.Server == nil {
		for _, user := range []bool{true, false} {
			if u := p.load("ollama.service", user, p.UID); u != nil && p.starts(u, i.Program) {
				return u
			}
		}
		return nil
	}
	for _, group := range i.Server.groups {
		name := filepath.Base(group)
		if filepath.Ext(name) != ".service" {
			continue // of a login, a terminal or another scope
		}
		uid, user := userManager(group)
		if strings.HasPrefix(name, "user@") {
			continue
		}
		// Any service may have started the server, from a shell for example: check what its files start.
		if u := p.load(name, user, uid); u != nil && p.starts(u, i.Program) {
			return u
		}
	}
	return nil
}

// userManager reports whether a control group belongs to a user's systemd, and the user's ID.
func userManager(group string) (uid int, user bool) {
	for name := range strings.SplitSeq(group, "/") {
		if id, ok := strings.CutPrefix(name, "user@"); ok {
			uid, err := strconv.Atoi(strings.TrimSuffix(id, ".service"))
			return uid, err == nil
		}
	}
	return 0, false
}

// unitFolders returns the folders from which systemd reads units, by falling precedence.
func (p Places) unitFolders(user bool) []string {
	if user {
		return []string{
			filepath.Join(p.ConfigHome, "systemd/user"), p.below("etc/systemd/user"), p.below("run/systemd/user"),
			filepath.Join(p.DataHome, "systemd/user"), p.below("usr/local/lib/systemd/user"), p.below("usr/lib/systemd/user"),
		}
	}
	return []string{
		p.below("etc/systemd/system"), p.below("run/systemd/system"), p.below("usr/local/lib/systemd/system"),
		p.below("usr/lib/systemd/system"), p.below("lib/systemd/system"),
	}
}

// load reads a unit; it returns nil if none of its files can be read.
func (p Places) load(name string, user bool, uid int) *Unit {
	u := &Unit{Name: name, User: user, UID: uid}
	folders := p.unitFolders(user)
	u.DropIns = filepath.Join(folders[0], name+".d")
	files := p.unitFiles(name, folders)
	if len(files) == 0 {
		return nil
	}
	for _, file := range files {
		for _, s := range settings(file) {
			if s.key == "User" {
				u.Account = s.value
			}
		}
	}
	for _, key := range []string{"Environment", "EnvironmentFile"} { // the latter overrides the former
		u.environment(files, key)
	}
	return u
}

// unitFiles returns a unit's own file and its drop-ins in systemd's order, or nothing if it has no file of its own.
func (p Places) unitFiles(name string, folders []string) []string {
	var files []string
	dropIns := map[string]string{} // by name: the first folder's hides others of the same name
	for _, folder := range folders {
		if path := filepath.Join(folder, name); len(files) == 0 {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				files = []string{path}
			}
		}
		found, _ := filepath.Glob(filepath.Join(folder, name+".d", "*.conf"))
		for _, path := range found {
			if _, hidden := dropIns[filepath.Base(path)]; !hidden {
				dropIns[filepath.Base(path)] = path
			}
		}
	}
	if len(files) == 0 {
		return nil
	}
	for _, base := range slices.Sorted(maps.Keys(dropIns)) {
		files = append(files, dropIns[base])
	}
	return files
}

// environment reads GGML_BACKEND_PATH from the settings called key in the unit's files.
func (u *Unit) environment(files []string, key string) {
	const name = "GGML_BACKEND_PATH"
	before := *u
	for _, file := range files {
		for _, s := range settings(file) {
			switch {
			case s.key != key:
			case s.value == "": // resets the setting
				*u = before
			case key == "EnvironmentFile":
				path := strings.TrimPrefix(s.value, "-")
				for _, line := range settings(path) {
					if line.key == name {
						u.BackendPath, u.SetBy = strings.Join(words(line.value), " "), path
					}
				}
			default:
				for _, assignment := range words(s.value) {
					if value, ok := strings.CutPrefix(assignment, name+"="); ok {
						u.BackendPath, u.SetBy = strings.ReplaceAll(value, "%%", "%"), file
					}
				}
			}
		}
	}
}

// starts reports whether the unit's files start program, links followed.
func (p Places) starts(u *Unit, program string) bool {
	commands := []string{}
	for _, file := range p.unitFiles(u.Name, p.unitFolders(u.User)) {
		for _, s := range settings(file) {
			if s.key != "ExecStart" {
				continue
			}
			if s.value == "" {
				commands = nil
			}
			commands = append(commands, s.value)
		}
	}
	for _, command := range commands {
		if w := words(strings.TrimLeft(command, "@-:+!|")); len(w) > 0 && resolve(w[0]) == program {
			return true
		}
	}
	return false
}

// setting is a line KEY=VALUE.
type setting struct{ key, value string }

// settings reads such lines; a backslash at the end continues one. A file that cannot be read has none.
func settings(path string) []setting {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var all []setting
	for line := range strings.Lines(strings.ReplaceAll(string(data), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok {
			all = append(all, setting{strings.TrimSpace(key), strings.TrimSpace(value)})
		}
	}
	return all
}

// words splits a value at unquoted white space and removes quotes and backslashes.
func words(value string) []string {
	var all []string
	var word strings.Builder
	var quote rune
	inside, escaped := false, false
	for _, c := range value {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\':
			inside, escaped = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			inside, quote = true, c
		case quote == 0 && (c == ' ' || c == '\t'):
			if inside {
				all = append(all, word.String())
				word.Reset()
				inside = false
			}
		default:
			inside = true
			word.WriteRune(c)
		}
	}
	if inside {
		all = append(all, word.String())
	}
	return all
}

// Changed returns when SetBy was written; zero if no file sets GGML_BACKEND_PATH.
func (u Unit) Changed() time.Time {
	info, err := os.Stat(u.SetBy)
	if u.SetBy == "" || err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
