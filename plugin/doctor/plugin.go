package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/plugin/install"
	"github.com/fh-ollama/fh-ollama/plugin/install/trial"
)

// Plugin describes the plug-in of a server.
type Plugin struct {
	Seen      bool     `json:"seen"`              // the libraries that the server loads are known
	Program   string   `json:"program,omitempty"` // path of the server's executable, if its process was found
	Library   string   `json:"library,omitempty"` // path of the plug-in that the server loads with models, "" for none
	Beside    bool     `json:"beside"`            // it lies beside Ollama's libraries, not in GGML_BACKEND_PATH
	Tried     string   `json:"tried,omitempty"`   // the log's line about the head when llama-server loads a tiny model
	GPU       string   `json:"gpu,omitempty"`     // models on it run dense, whatever the plug-in
	Installed []string `json:"installed"`         // paths of the plug-ins that fh-ollama installed, for any Ollama here
	Running   []Runner `json:"running"`           // processes that run models for the server
}

// Runner is a process that runs a model.
type Runner struct {
	PID    int  `json:"pid"`
	Seen   bool `json:"seen"`   // its libraries are visible to us
	Loaded bool `json:"loaded"` // the plug-in is among them
}

// PluginOf reports whether the stock server that answers has the plug-in.
func PluginOf(ctx context.Context, places installation.Places) Plugin {
	r := Report{Server: Server{Reachable: true}}
	r.plugin(ctx, places)
	return r.Plugin
}

// plugin finds out whether a stock server has the plug-in, and if not, why.
func (r *Report) plugin(ctx context.Context, places installation.Places) {
	placed, err := install.Installed(places)
	if err != nil {
		r.wrong(err)
	}
	for _, p := range placed {
		r.Plugin.Installed = append(r.Plugin.Installed, p.Library)
	}
	if !r.Server.Reachable || r.Server.Patched {
		return
	}
	known := len(r.Problems)
	var gpu *installation.GPU
	found, err := installation.Find(ctx, places) // none if the server runs on another machine
	i := slices.IndexFunc(found, func(i installation.Installation) bool { return i.Server != nil && i.Server.Answers })
	if err == nil && i >= 0 {
		r.Plugin.Program = found[i].Program
		gpu = found[i].GPU(places)
		r.loads(places, found[i], placed)
		if gpu != nil && r.Plugin.Library != "" {
			r.Plugin.GPU = fmt.Sprintf("%s (%s)", gpu.Name, gpu.Device)
		}
		r.running(places.Runners(*found[i].Server), gpu)
	}
	if r.Plugin.Library == "" && len(r.Problems) == known {
		r.missing(gpu)
	}
}

// tryPlugin tries the plug-in that the server loads; if no server answers, each one that is installed.
func (r *Report) tryPlugin(ctx context.Context, places installation.Places) {
	try := func(program, library string, beside bool) {
		if i, err := installation.At(ctx, places, program); err == nil && i.LibDir != "" && isFile(library) {
			r.try(ctx, i, library, beside)
		}
	}
	if r.Plugin.Library != "" {
		try(r.Plugin.Program, r.Plugin.Library, r.Plugin.Beside)
	}
	if r.Server.Reachable {
		return
	}
	placed, _ := install.Installed(places) // plugin has reported an error
	for _, p := range placed {
		try(p.Ollama, p.Library, p.Beside)
	}
}

// try loads the plug-in with the Ollama's own llama-server, and reports an error.
func (r *Report) try(ctx context.Context, i installation.Installation, library string, beside bool) {
	if u := i.Unit; u != nil && !u.User && u.Account != "" && os.Geteuid() != 0 { // only root can try as that user
		if path := hidden(library); path != "" {
			r.problem("place it where the service finds it: sudo fh-ollama install; or let everybody read it (chmod a+rX)",
				"not every user may read or enter %s, so %s, which runs as %s, cannot load %s", path, u.Name, u.Account, library)
			return
		}
	}
	said, err := install.Try(ctx, i, library, beside)
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, trial.ErrNotTried):
		r.Plugin.Tried = "not: " + err.Error() + "; " + hint.Of(err)
	case err != nil:
		r.wrong(err)
	default:
		r.Plugin.Tried = said
	}
}

// loads finds out which plug-in the server loads.
func (r *Report) loads(places installation.Places, i installation.Installation, placed []install.Placed) {
	s, u := i.Server, i.Unit
	if path := filepath.Join(i.LibDir, install.BesideName); i.LibDir != "" && isFile(path) {
		r.Plugin.Seen, r.Plugin.Library, r.Plugin.Beside = true, path, true
		return
	}
	path, late := s.BackendPath, false
	if !s.Readable && u != nil { // the process's environment is hidden, the service's is not
		path, late = u.BackendPath, u.Changed().After(s.Started)
	}
	r.Plugin.Seen = s.Readable || u != nil
	ours := func(path string) bool {
		return filepath.Base(path) == install.LibraryName ||
			slices.ContainsFunc(placed, func(p install.Placed) bool { return p.Library == path })
	}
	switch {
	case !ours(path) || late:
		r.installed(places, i, placed)
	case !isFile(path):
		r.problem("place it again: fh-ollama install", "the server is told to load %s, which does not exist", path)
	default:
		r.Plugin.Library = path
	}
}

// installed reports why i does not have the plug-in although it was installed.
func (r *Report) installed(places installation.Places, i installation.Installation, placed []install.Placed) {
	at := slices.IndexFunc(placed, func(p install.Placed) bool { return p.Ollama == i.Program })
	switch {
	case at < 0:
	case placed[at].Beside:
		r.problem("place it again: fh-ollama install --into-lib",
			"the plug-in was installed as %s, but it is gone; an update of Ollama removes it", placed[at].Library)
	case i.Unit != nil:
		prefix := "sudo "
		if i.Unit.User {
			prefix = ""
		}
		r.problem(i.Unit.Restart(prefix), "the plug-in is installed, but %s was started without it", i.Unit.Name)
	default:
		r.problem("stop the server and start it so: "+install.ServeCommand(places, i.Program, placed[at].Library),
			"the plug-in is installed, but the server was started without it")
	}
}

// running records the processes that have loaded the plug-in, and reports one that should have but has not.
func (r *Report) running(runners []installation.Runner, gpu *installation.GPU) {
	names := []string{install.LibraryName, install.BesideName, filepath.Base(r.Plugin.Library)}
	var without []int
	for _, found := range runners {
		loaded := slices.ContainsFunc(found.Mapped, func(path string) bool {
			return slices.Contains(names, filepath.Base(path))
		})
		r.Plugin.Running = append(r.Plugin.Running, Runner{PID: found.PID, Seen: found.Readable, Loaded: loaded})
		if found.Readable && !loaded {
			without = append(without, found.PID)
		}
	}
	switch {
	case len(without) == 0 || r.Plugin.Library == "":
	case gpu != nil && !r.Plugin.Beside:
		r.problem("make an Ollama that has FlashHead inside: fh-ollama build",
			"a model runs without the plug-in (process %d): for models on the %s, Ollama sets GGML_BACKEND_PATH itself",
			without[0], gpu.Name)
	default:
		r.problem("unload it with `ollama stop NAME` and run it again; if that does not help, the server's log says why",
			"a model runs without the plug-in (process %d)", without[0])
	}
}

// missing reports that the server has no FlashHead at all.
func (r *Report) missing(gpu *installation.GPU) {
	const none = "the Ollama at %s has no FlashHead, it runs every model dense"
	switch {
	case !r.Plugin.Seen:
		r.problem("run fh-ollama doctor on its machine, with sudo if it is another user's",
			"the Ollama at %s is a stock one, and whether it has the plug-in cannot be seen from here", r.Server.URL)
	case gpu != nil && gpu.Sure:
		r.problem("make one with `fh-ollama build` and start its bin/ollama serve instead", none, r.Server.URL)
	default:
		r.problem("give it the plug-in with `fh-ollama install`; or, for models on a GPU, make another with `fh-ollama "+
			"build`",
			none, r.Server.URL)
	}
}

// hidden returns path or a folder above it that other users may not read or enter, "" if there is none.
func hidden(path string) string {
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o004 == 0 {
		return path
	}
	return install.Shut(filepath.Dir(path))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
