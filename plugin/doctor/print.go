package doctor

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/native"
)

// String formats the report as text. It lists several problems at the end, but leaves a single one to Err.
func (r Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }

	switch s := r.Server; {
	case s.Refuses:
		row("ollama", "%s, is not an Ollama server", s.URL)
	case !s.Reachable:
		row("ollama", "%s, not reachable", s.URL)
	case s.Patched:
		row("ollama", "%s, version %s, FlashHead %s", s.URL, s.Version, s.FlashHead)
	case r.Plugin.Library != "":
		row("ollama", "%s, version %s, with the plug-in", s.URL, s.Version)
	case !r.Plugin.Seen:
		row("ollama", "%s, version %s, stock", s.URL, s.Version)
	default:
		row("ollama", "%s, version %s, no FlashHead", s.URL, s.Version)
	}
	r.Plugin.rows(row)
	switch {
	case r.Library.Tool != "":
		row("library", "%s", filepath.Dir(r.Library.Tool))
	case r.Library.Inside != nil:
		row("library", "inside this fh-ollama: %s", r.Library.Inside)
	case r.Plugin.Library != "" || len(r.Plugin.Installed) > 0:
		row("library", "not found, only convert and create need it")
	default:
		row("library", "not found")
	}
	for _, d := range r.Library.Devices {
		row("device", "%s (%s): %s", d.Name, d.Description, ability(d))
	}
	for _, f := range r.Library.Folders {
		if f.Devices == 0 {
			row("device", "none in %s: its GPUs or their driver are missing", f.Name)
		}
	}
	if r.Server.Reachable && len(r.Models) == 0 {
		row("models", "none with FlashHead yet")
	}
	for _, m := range r.Models {
		row("model", "%s: %d clusters, %d probes", m.Name, m.Clusters, m.Probes)
	}
	if f := r.File; f != nil {
		state := "not converted (" + commandline.Self("on", cmp.Or(f.Name, f.Path)) + " turns FlashHead on)"
		switch {
		case f.Obstacle != "":
			state = f.Obstacle
		case f.Sound:
			state = fmt.Sprintf("sound, %d clusters, %d probes", f.Clusters, f.Probes)
			if f.Map != "" {
				state += ", by the map " + f.Map
			}
		case f.Converted:
			state = "damaged"
			if f.Map != "" {
				state = "its map does not fit: " + f.Map
			}
		case !f.Usable:
			state = "not usable"
		}
		row("file", "%s: %s", f.shown(), state)
		if f.Runtime != nil {
			f.Runtime.row(row)
		}
	}
	if len(r.Problems) > 1 {
		for _, p := range r.Problems {
			row("wrong", "%s", p.Cause)
			row("", "%s", p.WayOut)
		}
	}
	w.Flush()
	return b.String()
}

// shown returns the report's name of the file.
func (f File) shown() string {
	if f.Name == "" {
		return f.Path
	}
	return f.Name + " (" + f.Path + ")"
}

// row adds the runtime's result for the file.
func (r Runtime) row(row func(name, format string, args ...any)) {
	said := r.Said
	if said == "" {
		said = "nothing about FlashHead"
	}
	row("runtime", "%s, says: %s", filepath.Join(r.Folder, "llama-server"), said)
	if r.Plugin != "" {
		row("", "with the plug-in %s", r.Plugin)
	}
	switch {
	case r.Exact != "":
		row("tokens", "%s", r.Exact)
	case r.Active:
		row("tokens", "approximate: nothing checks them")
	}
}

// ability describes the heads that a device supports, and whether it supports the file's.
func ability(d native.Device) string {
	can := "no FlashHead, runs dense"
	switch with, without := len(d.Weights), len(d.DenseWeights); {
	case with == 0:
	case without == 0:
		can = "FlashHead for all types of weights"
	case without < with:
		can = "FlashHead for all types of weights but " + strings.Join(d.DenseWeights, ", ")
	default:
		can = "FlashHead for " + strings.Join(d.Weights, ", ")
	}
	switch {
	case d.Head == nil || len(d.Weights) == 0:
		return can
	case *d.Head:
		return can + "; for the head of this file"
	default:
		return can + "; not for the head of this file, which runs dense"
	}
}

// rows adds the place of the plug-in and the running models that have it.
func (p Plugin) rows(row func(name, format string, args ...any)) {
	for _, path := range p.Installed {
		if path != p.Library {
			row("installed", "%s", path)
		}
	}
	if p.Tried != "" {
		defer row("tried", "%s", p.Tried)
	}
	if p.Library == "" {
		return
	}
	how := "in GGML_BACKEND_PATH"
	if p.Beside {
		how = "beside Ollama's libraries"
	}
	row("plug-in", "%s, %s", p.Library, how)
	if p.GPU != "" {
		row("gpu", "%s: models on it run dense; only those on the CPU use the plug-in", p.GPU)
	}
	for _, r := range p.Running {
		state := "has loaded the plug-in"
		switch {
		case !r.Seen:
			state = "of another user, its libraries cannot be seen"
		case !r.Loaded:
			state = "has not loaded the plug-in"
		}
		row("running", "process %d %s", r.PID, state)
	}
}
