// Package installation finds the Ollamas on this machine: where their program and their libraries lie, which version
// they are, and how a server of theirs is run.
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
	Program  string  // path of the ollama program, symbolic links resolved
	LibDir   string  // folder with llama-server and ggml's libraries; "" if there is none
	Version  string  // e.g. "0.34.2", with "+flashhead.0.1.0" for a patched build; "" if it could not be asked
	Confined string  // what shuts it off from this machine's files, e.g. "a container"; "" if nothing does
	Server   *Server // a running `ollama serve` of it, nil if there is none
	Unit     *Unit   // the systemd service that runs it, nil if none does
}

// ErrNone is in the chain of the error when no Ollama is found.
var ErrNone = errors.New("no Ollama is found on this machine")

// Find returns the Ollamas in places, best first: the one of the server that answers at OLLAMA_HOST, those of other
// running servers, that in PATH, those in the usual places. There is at least one unless the error, which has a way
// out, says why not.
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

// At returns the Ollama whose program is the file at path, with its running server if there is one.
func At(ctx context.Context, places Places, path string) (Installation, error) {
	named := path
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return Installation{}, hint.Wrap(err, "give the path of an ollama program")
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
		return Installation{}, hint.New(fmt.Sprintf("%s is no program", named), "give the path of an ollama program")
	}
	return i, ctx.Err()
}

// inspect looks at the program at path, of which server, if not nil, runs; false if there is no program.
func (p Places) inspect(ctx context.Context, path string, server *Server) (Installation, bool) {
	i := Installation{Server: server, Confined: p.confined(path)}
	if server != nil && server.confined != "" {
		i.Confined = server.confined
	}
	if i.Confined != "" { // its files are elsewhere, or not what they seem from here
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

// resolve returns path without symbolic links, or as it is if they lead nowhere.
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
