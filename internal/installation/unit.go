package installation

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
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
			if u := p.load("ollama.service", user, p.UID, i.Program); u != nil {
				return u
			}
		}
		return nil
	}
	for _, group := range i.Server.groups {
		name := filepath.Base(group)
		if filepath.Ext(name) != ".service" || strings.HasPrefix(name, "user@") {
			continue // of a login, a terminal or another scope
		}
		uid, user := userManager(group)
		if u := p.load(name, user, uid, i.Program); u != nil {
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

// load reads a unit. It returns nil unless its files start program: any service may have started a server, from a shell
// for example.
func (p Places) load(name string, user bool, uid int, program string) *Unit {
	folders := p.unitFolders(user)
	text, ok := readUnit(name, folders)
	if !ok || !slices.ContainsFunc(text.commands, func(command string) bool {
		w, _ := commandline.Split(strings.TrimLeft(command, "@-:+!|"))
		return len(w) > 0 && resolve(w[0]) == program
	}) {
		return nil
	}
	library := text.variables["GGML_BACKEND_PATH"]
	return &Unit{Name: name, User: user, UID: uid, DropIns: filepath.Join(folders[0], name+".d"),
		BackendPath: library.plain(), SetBy: library.file, Account: text.values["User"]}
}

// Changed returns when SetBy was written; zero if no file sets GGML_BACKEND_PATH.
func (u Unit) Changed() time.Time {
	info, err := os.Stat(u.SetBy)
	if u.SetBy == "" || err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
