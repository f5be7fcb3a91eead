// Package install installs FlashHead in one of two ways: the plug-in, for an Ollama on this machine, or a patched
// Ollama in its own folder, a prefix. A receipt lists the installed files, and only these are uninstalled. Other files
// are never changed.
package install

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// LibraryName is the file name of the plug-in that GGML_BACKEND_PATH names.
const LibraryName = bundle.LibraryName

// BesideName is its file name among Ollama's own libraries. There llama.cpp loads libggml-NAME-*.so for the NAMEs of
// its own backends, for each the file with the best ggml_backend_score. zendnn is such a NAME, for a library that no
// release of Ollama has, so there is no competitor. Ollama itself ignores the file: it looks for GPU backends only in
// subfolders.
const BesideName = "libggml-zendnn-flashhead.so"

// dropInName is the file name of the drop-in, which users may edit.
const dropInName = "flashhead.conf"

// Options are the options of the plug-in's installation.
type Options struct {
	Ollama  string // path of an ollama executable; "" for the best that is found
	Library string // path of the plug-in; "" for Built, or, where that does not exist, the one in Bundle
	Built   string // see BuiltLibrary
	Bundle  bundle.Bundle
	IntoLib bool   // beside Ollama's own libraries, instead of in GGML_BACKEND_PATH
	DryRun  bool   // write nothing
	Program string // path of this program, for command lines that are shown
	Places  installation.Places
}

// Change is one file that is written or removed.
type Change struct {
	Verb string // "place", "update", "keep" or "remove"
	Path string
	Text string // content of a text file that is written
	Note string // why it is kept
}

// Result lists what was done, or would be done in a dry run.
type Result struct {
	Ollama  *installation.Installation // nil where none matters
	Library string                     // path of the placed plug-in
	Tried   string                     // llama-server's log line about it; in a dry run, how it would be tried
	DryRun  bool
	Changes []Change
	Notes   []string
	Next    []string // command lines for the user
}

func (r *Result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// target holds the paths of one Ollama's plug-in.
type target struct {
	ollama  installation.Installation
	library string // path that the plug-in gets
	dropIn  string // path of the drop-in, "" for none
	receipt string // path of the receipt
	kit     kit
}

// Plugin installs the plug-in for an Ollama, or updates it.
func Plugin(ctx context.Context, o Options) (Result, error) {
	if err := supported(); err != nil {
		return Result{}, err
	}
	ollama, err := o.find(ctx)
	if err != nil {
		return Result{}, err
	}
	if err := ollama.Check(); err != nil {
		return Result{}, err
	}
	r := Result{Ollama: &ollama, DryRun: o.DryRun}
	if err := o.checkGPU(ollama, &r); err != nil {
		return Result{}, err
	}
	from, err := o.plugin()
	if err != nil {
		return Result{}, err
	}
	t, err := o.target(ollama)
	if err != nil {
		return Result{}, err
	}
	if err := o.checkVariable(t, &r); err != nil {
		return Result{}, err
	}
	if text := unchecked(ollama); text != "" {
		r.note("%s", text)
	}
	if t.kit, err = o.kit(filepath.Dir(t.receipt), from); err != nil {
		return Result{}, err
	}
	r.Library = t.library
	w, err := o.plan(t, from)
	if err != nil {
		return Result{}, err
	}
	if err := w.refused(); err != nil {
		return Result{}, hint.Wrap(err, o.sudo(t, from))
	}
	r.Changes = w.changes()
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if o.DryRun {
		r.Tried = "a tiny model in " + filepath.Join(ollama.LibDir, installation.ServerName) +
			", before anything else is changed"
	} else {
		w.try = t.try(ctx)
		if err := w.doLocked(ctx); err != nil {
			return Result{}, err
		}
		r.Tried = w.said
	}
	o.next(t, &r)
	return r, nil
}

func (o Options) find(ctx context.Context) (installation.Installation, error) {
	if o.Ollama != "" {
		return installation.At(ctx, o.Places, o.Ollama)
	}
	found, err := installation.Find(ctx, o.Places)
	if err != nil {
		return installation.Installation{}, err
	}
	return found[0], nil
}

// checkGPU refuses an installation without effect because Ollama uses a GPU, and warns of a possible one.
func (o Options) checkGPU(i installation.Installation, r *Result) error {
	gpu := i.GPU(o.Places)
	switch {
	case gpu == nil:
	case o.IntoLib:
		r.note("%s found (%s): only models that run on the CPU alone get faster, such as with PARAMETER num_gpu 0",
			gpu.Name, gpu.Device)
	case gpu.Sure:
		return hint.New(
			fmt.Sprintf("this Ollama runs models on the %s (%s), where the plug-in cannot help", gpu.Name, gpu.Device),
			"make an Ollama that has FlashHead inside: fh-ollama build; "+
				"or, for models that run on the CPU: fh-ollama install --into-lib")
	default:
		r.note("%s found (%s): models that `ollama ps` shows on it run dense; if there are such, "+
			"the others need --into-lib, and fh-ollama build makes an Ollama for both", gpu.Name, gpu.Device)
	}
	return nil
}

// target chooses the paths. A service of the system, and users for whom root installs, get folders of the system, which
// they can enter. All others get the user's folders.
func (o Options) target(i installation.Installation) (target, error) {
	t := target{ollama: i, receipt: userReceipt(o.Places)}
	u := i.Unit
	if u != nil && !u.User || u == nil && o.forOthers(i) {
		t.receipt = systemReceipt(o.Places)
	}
	switch {
	case o.IntoLib:
		t.library = filepath.Join(i.LibDir, BesideName)
		return t, nil
	case u != nil && u.User && u.UID != o.Places.UID:
		return t, hint.New(fmt.Sprintf("this Ollama is a service of another user, number %d", u.UID),
			"run fh-ollama install as that user")
	}
	t.library = libraryIn(filepath.Dir(t.receipt))
	if u != nil {
		t.dropIn = filepath.Join(u.DropIns, dropInName)
	}
	return t, nil
}

// forOthers reports whether root installs for another user, who may not enter root's folders.
func (o Options) forOthers(i installation.Installation) bool {
	return o.Places.UID == 0 && (o.Places.Sudo || i.Server != nil && i.Server.UID != 0)
}

// checkVariable refuses to overwrite GGML_BACKEND_PATH, which holds one path only.
func (o Options) checkVariable(t target, r *Result) error {
	u, s := t.ollama.Unit, t.ollama.Server
	ours := func(path string) bool { return filepath.Base(path) == LibraryName }
	if o.IntoLib {
		if s != nil && u == nil && ours(s.BackendPath) {
			r.note("the running server has GGML_BACKEND_PATH=%s: start it without, or it loads the plug-in twice", s.BackendPath)
		}
		return nil
	}
	value, where := "", ""
	switch {
	case u != nil && ours(u.BackendPath) && u.SetBy == filepath.Join(u.DropIns, dropInName):
		return nil // from an earlier install
	case u != nil && u.BackendPath != "" && u.BackendPath != t.library:
		value, where = u.BackendPath, "by "+u.SetBy
	case s != nil && s.BackendPath != "" && !ours(s.BackendPath):
		value, where = s.BackendPath, fmt.Sprintf("in the environment of the running server (process %d)", s.PID)
	case u == nil && s == nil && o.Places.BackendPath != "" && !ours(o.Places.BackendPath):
		value, where = o.Places.BackendPath, "in your environment"
	default:
		return nil
	}
	return hint.New(fmt.Sprintf("GGML_BACKEND_PATH is set to %s already, %s", value, where),
		"leave it and place the plug-in beside Ollama's libraries: fh-ollama install --into-lib")
}

// dropIn returns the text of a drop-in that makes a service load the library at path.
func dropIn(path string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(path)
	return "# Made by fh-ollama install; fh-ollama uninstall removes it.\n[Service]\nEnvironment=\"GGML_BACKEND_PATH=" +
		quoted + "\"\n"
}

// sudo returns the command for root if this user lacks permissions.
func (o Options) sudo(t target, from plugin) string {
	command := "run: sudo " + commandline.Quote(o.Program) + " install"
	if o.IntoLib {
		command += " --into-lib"
	}
	if o.Ollama != "" {
		command += " --ollama " + commandline.Quote(t.ollama.Program)
	}
	if from.path != "" {
		command += " --lib " + commandline.Quote(from.path)
	}
	if t.dropIn != "" {
		command += "; then: " + t.ollama.Unit.Restart("sudo ")
	}
	return command
}

// next adds the next commands for the user.
func (o Options) next(t target, r *Result) {
	u, s := t.ollama.Unit, t.ollama.Server
	has := s != nil && s.Readable && s.BackendPath == t.library
	switch {
	case o.IntoLib:
		if s != nil {
			r.note("models that run now get the plug-in when they are loaded again, such as after `ollama stop NAME`")
		}
	case has: // each model is run by a new process, which loads the new library
	case u != nil:
		r.Next = append(r.Next, o.restart(*u))
	default:
		switch {
		case s == nil:
		case s.Readable:
			r.note("the server that runs now (process %d) has no plug-in: stop it and start it as below", s.PID)
		default:
			r.note("a server of another user runs (process %d); nothing is changed for it", s.PID)
		}
		r.Next = append(r.Next, ServeCommand(o.Places, t.ollama.Program, t.library))
	}
	program := o.fhOllama(t)
	r.Next = append(r.Next, program+" on NAME", program+" doctor")
}

// restart returns the command that restarts the service u.
func (o Options) restart(u installation.Unit) string {
	if o.Places.Sudo && !u.User {
		return u.Restart("sudo ")
	}
	return u.Restart("")
}

// ServeCommand returns the command that starts the Ollama program with the plug-in at library.
func ServeCommand(places installation.Places, program, library string) string {
	if places.Named("ollama") == program {
		program = "ollama"
	}
	return "GGML_BACKEND_PATH=" + commandline.Quote(library) + " " + commandline.Quote(program) + " serve"
}
