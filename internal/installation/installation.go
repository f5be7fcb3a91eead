// Package installation finds the Ollamas on this machine: their executables, libraries and versions, and how their
// servers are run. It also knows where this program is installed.
package installation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Installation is an Ollama on this machine.
type Installation struct {
	Program  string  // path of the ollama executable, links resolved
	LibDir   string  // folder with llama-server and ggml's libraries; "" if there is none
	Version  string  // e.g. "0.34.2", with "+flashhead.0.1.0" for a patched build; "" if unknown
	Confined string  // the sandbox that hides this machine's files from it, e.g. "a container"; "" for none
	Server   *Server // a running `ollama serve` of it, nil if there is none
	Unit     *Unit   // the systemd service that runs it, nil if none does
}

// ErrNone means that no Ollama is installed.
var ErrNone = errors.New("no Ollama is found on this machine")

// Find returns the Ollamas in places: that of the server that answers at OLLAMA_HOST, those of other running servers,
// those in PATH, and those in the usual folders. Without an error there is at least one.
func Find(ctx context.Context, places Places) ([]Installation, error) {
	var found []Installation
	add := func(program string, server *Server) error {
		i, ok := places.inspect(ctx, program, server)
		if ok && !slices.ContainsFunc(found, func(other Installation) bool { return other.Program == i.Program }) {
			found = append(found, i)
		}
		return ctx.Err()
	}
	for _, s := range places.servers() {
		if err := add(s.Program, &s); err != nil {
			return nil, err
		}
	}
	for _, program := range places.programs() {
		if err := add(program, nil); err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, hint.Wrap(ErrNone, "install Ollama first, or add the folder of its program to PATH")
	}
	return found, nil
}

// At returns the Ollama whose executable is at path, with its running server if there is one.
func At(ctx context.Context, places Places, path string) (Installation, error) {
	named := path
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return Installation{}, hint.Wrap(err, "give the path of an ollama executable")
	}
	real := resolve(path)
	var server *Server
	for _, s := range places.servers() {
		if resolve(s.Program) == real {
			server = &s
			break
		}
	}
	i, ok := places.inspect(ctx, path, server)
	if !ok {
		return Installation{}, hint.New(fmt.Sprintf("%s is not an executable file", named),
			"give the path of an ollama executable")
	}
	return i, ctx.Err()
}

// inspect examines the executable at path. server is its running server or nil. It returns false if path is not an
// executable file.
func (p Places) inspect(ctx context.Context, path string, server *Server) (Installation, bool) {
	i := Installation{Server: server, Confined: p.confined(path)}
	if server != nil && server.confined != "" {
		i.Confined = server.confined
	}
	if i.Confined != "" { // it sees other files at these paths
		i.Program = path
		return i, server != nil || executable(path)
	}
	i.Program = resolve(path)
	if !executable(i.Program) {
		return i, false
	}
	i.LibDir = libDir(i.Program)
	i.Version = version(ctx, i.Program)
	i.Unit = p.unit(i)
	return i, ctx.Err() == nil
}

// resolve returns path without links, or unchanged if they lead nowhere.
func resolve(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
