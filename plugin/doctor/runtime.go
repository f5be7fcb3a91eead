package doctor

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/plugin/install"
)

// Runtime is the runtime's result for a file.
type Runtime struct {
	Folder string `json:"folder"`           // of the llama-server that loaded the file
	Plugin string `json:"plugin,omitempty"` // GGML_BACKEND_PATH that it was given; "" if it needs none
	Active bool   `json:"active"`
	Said   string `json:"said"` // FlashHead's line in its log, "" for none
	// what it says of checks by the dense head (docs/exact.md); "": FlashHead's own logits are used
	Exact string `json:"exact,omitempty"`
}

// loadTimeout bounds a load: a large model may come from a slow disk.
const loadTimeout = 5 * time.Minute

// load loads the model at paths in the user's runtime and records FlashHead's line of the log. A missing runtime is
// reported elsewhere.
func (r *Report) load(ctx context.Context, places installation.Places, libDirs, paths []string) {
	programs, plugin, ok := r.runtime(ctx, places, libDirs)
	if !ok {
		return
	}
	gathered, err := llama.Gather(paths)
	if err != nil {
		r.wrong(err)
		return
	}
	defer gathered.Remove()
	env := gathered.Settings
	if plugin != "" {
		env = append(env, "GGML_BACKEND_PATH="+plugin)
	}
	r.File.Runtime = &Runtime{Folder: programs.Folder, Plugin: plugin}
	limited, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	said, err := programs.Load(limited, gathered.Path, env)
	r.File.Runtime.hear(said)
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, context.DeadlineExceeded):
		r.problem("try again when the machine is less busy", "llama-server has not loaded %s in %v", r.File.Path, loadTimeout)
	case err != nil:
		r.wrong(hint.Wrap(fmt.Errorf("the runtime in %s cannot load %s: %w", programs.Folder, r.File.Path, err),
			hint.Of(err)))
	case r.File.Sound && !r.File.Runtime.Active:
		reason := r.File.Runtime.Said
		if reason == "" {
			reason = "it has no FlashHead"
		}
		r.problem("docs/architectures.md lists the models that FlashHead speeds up; if this is one of them, report the line",
			"%s is sound, but the runtime in %s runs it dense: %s", r.File.Path, programs.Folder, reason)
	}
}

// runtime finds the llama-server that loads models here, and the plug-in to load into it. They are those of the running
// server, if that has the plug-in; else of a patched build; else of an Ollama with an installed or built plug-in.
func (r *Report) runtime(ctx context.Context, places installation.Places, libDirs []string) (programs llama.Programs,
	plugin string, ok bool) {
	found, _ := installation.Find(ctx, places) // there may be none
	for _, i := range found {
		if r.Plugin.Library == "" || i.Program != r.Plugin.Program {
			continue
		}
		if programs, ok = llama.ServerIn(i.LibDir); ok && !r.Plugin.Beside {
			plugin = r.Plugin.Library
		}
		return programs, plugin, ok
	}
	for _, dir := range libDirs {
		// a patched build has the tool beside llama-server
		if programs, ok = llama.ServerIn(dir); ok && isFile(filepath.Join(dir, installation.ToolName)) {
			return programs, "", true
		}
	}
	libraries := slices.DeleteFunc(append(slices.Clone(r.Plugin.Installed), install.BuiltLibrary()),
		func(path string) bool { return !isFile(path) })
	for _, i := range found {
		if i.Patched() != (len(libraries) == 0) {
			continue // with a plug-in, the stock Ollama is the question
		}
		if programs, ok = llama.ServerIn(i.LibDir); ok {
			if len(libraries) > 0 {
				plugin, _ = filepath.Abs(libraries[0])
			}
			return programs, plugin, true
		}
	}
	return programs, "", false
}

// hear finds the lines that say whether the head is active, and whether its tokens are checked.
func (r *Runtime) hear(said []string) {
	for _, text := range said {
		if exact, ok := strings.CutPrefix(text, "exact: "); ok {
			r.Exact = exact
		} else if !r.Active {
			r.Active, r.Said = strings.HasPrefix(text, "active on "), text
		}
	}
}
