// Package doctor checks whether FlashHead works on this machine, and gives hints if not.
package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
)

// Report has the results of an examination.
type Report struct {
	Server   Server         `json:"server"`
	Plugin   Plugin         `json:"plugin"`
	Library  Library        `json:"library"`
	Models   []ollama.Model `json:"models"`         // registered models with FlashHead
	File     *File          `json:"file,omitempty"` // the file that was asked about
	Problems []Problem      `json:"problems"`
}

// Server is the Ollama that answers at OLLAMA_HOST.
type Server struct {
	URL       string `json:"url"`
	Reachable bool   `json:"reachable"`
	Refuses   bool   `json:"refuses,omitempty"`   // something answers, but it is not an Ollama
	Version   string `json:"version,omitempty"`   // Ollama's
	Patched   bool   `json:"patched"`             // built with FlashHead
	FlashHead string `json:"flashhead,omitempty"` // version of the patch
}

// Library is the native part of a build on this machine.
type Library struct {
	Tool    string          `json:"tool,omitempty"`    // path of llama-flashhead
	Inside  *bundle.About   `json:"inside,omitempty"`  // of the tool inside this program, which is used if Tool is ""
	Devices []native.Device `json:"devices"`           // of a patched build; the plug-in's tool lists none
	Folders []native.Folder `json:"folders,omitempty"` // with GPU backends
}

// File is a GGUF file's state, or that of a model in several.
type File struct {
	Path      string   `json:"path"`           // of the first
	Name      string   `json:"name,omitempty"` // of the model in the Ollama, "" for a file
	Usable    bool     `json:"usable"`         // a whole language model in GGUF
	Converted bool     `json:"converted"`
	Map       string   `json:"map,omitempty"` // path of its map file; "" if it has none, or keys of its own
	Sound     bool     `json:"sound"`         // the runtime will use its FlashHead keys
	Clusters  uint32   `json:"clusters,omitempty"`
	Probes    uint32   `json:"probes,omitempty"`
	Damage    []string `json:"damage,omitempty"`
	Obstacle  string   `json:"obstacle,omitempty"` // why every runtime keeps the head dense, converted or not
	Runtime   *Runtime `json:"runtime,omitempty"`  // nil if no runtime was found or the file is not converted
}

// Problem is something wrong, and what the user can do about it.
type Problem struct {
	Cause  string `json:"cause"`
	WayOut string `json:"way_out"`
}

// Examine checks the server, its plug-in, the native tool in one of libDirs or else inside this program, and the model
// in the GGUF files at paths, if there are any. One with FlashHead is loaded in the runtime. The report says what is
// wrong; the error is for an interruption.
func Examine(ctx context.Context, s ollama.Server, places installation.Places, libDirs []string, inside bundle.Bundle,
	paths ...string) (Report, error) {
	r := Report{
		Models: []ollama.Model{}, Problems: []Problem{}, Library: Library{Devices: []native.Device{}},
		Plugin: Plugin{Installed: []string{}, Running: []Runner{}},
	}
	r.server(ctx, s)
	r.plugin(ctx, places)
	r.tryPlugin(ctx, places)
	var head *native.HeadShape
	if len(paths) > 0 {
		head = r.file(paths...)
	}
	r.library(ctx, libDirs, inside, head)
	if r.File != nil && r.File.Converted && ctx.Err() == nil {
		r.load(ctx, places, libDirs, paths)
	}
	return r, ctx.Err()
}

// Err returns a single problem as an error, and nil if there is none. For several, which String lists, the error has
// their number.
func (r Report) Err() error {
	switch n := len(r.Problems); n {
	case 0:
		return nil
	case 1:
		return hint.New(r.Problems[0].Cause, r.Problems[0].WayOut)
	default:
		return hint.New(fmt.Sprintf("%d things are wrong, as shown above", n), "start with the first")
	}
}

// Named records the user's name for the file, arg, and why it could not be found. For a model, rename replaces its path
// by its name in a text; for a file it is nil.
func (r *Report) Named(arg string, rename func(text string) string, err error) {
	switch {
	case err != nil:
		r.File = &File{Path: arg}
		told := func(p Problem) bool { return strings.Contains(err.Error(), p.Cause) } // report "no Ollama answers" once
		if !slices.ContainsFunc(r.Problems, told) {
			r.wrong(err)
		}
	case r.File != nil && rename != nil:
		r.File.Name = arg
		for i, p := range r.Problems {
			r.Problems[i] = Problem{rename(p.Cause), rename(p.WayOut)}
		}
	}
}

func (r *Report) problem(wayOut, cause string, args ...any) {
	r.wrong(hint.New(fmt.Sprintf(cause, args...), wayOut))
}

func (r *Report) wrong(err error) {
	r.Problems = append(r.Problems, Problem{err.Error(), commandline.Runnable(hint.Of(err))})
}

func (r *Report) server(ctx context.Context, s ollama.Server) {
	r.Server.URL = s.Host.String()
	version, err := s.Version(ctx)
	if err != nil {
		r.Server.Refuses = ollama.Answered(err)
		r.wrong(err)
		return
	}
	r.Server.Reachable, r.Server.Version = true, version.Ollama
	r.Server.Patched, r.Server.FlashHead = version.Patched(), version.FlashHead
	if r.Models, err = s.Converted(ctx); err != nil {
		r.Models = []ollama.Model{}
		r.wrong(err)
	}
}

// deviceTimeout bounds the wait for the native tool: GPU drivers can hang.
const deviceTimeout = 30 * time.Second

// library checks the native tool in one of dirs or else inside, and whether the tool's devices support the op, also for
// head unless it is nil.
func (r *Report) library(ctx context.Context, dirs []string, inside bundle.Bundle, head *native.HeadShape) {
	tool, err := native.FindTool(dirs)
	if err != nil && !inside.Empty() {
		about, err := inside.About()
		if err != nil {
			r.wrong(err)
		}
		r.Library.Inside = &about
		return
	}
	if err != nil {
		if r.Plugin.Library == "" && len(r.Plugin.Installed) == 0 { // with the plug-in, models are fast without the tool
			r.wrong(err)
		}
		return
	}
	r.Library.Tool = tool
	if native.Borrows(tool) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, deviceTimeout)
	defer cancel()
	devices, folders, err := native.Devices(ctx, tool, os.Getenv("LLAMA_ARG_RPC"), head)
	if err != nil {
		r.wrong(err)
		return
	}
	r.Library.Devices, r.Library.Folders = devices, folders
}

// file checks a GGUF file, or the files of a model, the first of them first. It returns the shape of the head, nil if
// the runtime would not use it.
func (r *Report) file(paths ...string) *native.HeadShape {
	r.File = &File{Path: paths[0]}
	m, err := mapfile.Open(paths...)
	if err != nil {
		r.wrong(err)
		return nil
	}
	defer m.Close()
	r.File.Usable = true
	if m.Obstacle != nil {
		r.File.Obstacle = m.Obstacle.Error()
	}
	if r.File.Converted, r.File.Map = m.Converted, m.Map; !m.Converted {
		return nil
	}
	head, p := m.Head, m.Parameters
	r.File.Clusters, r.File.Probes = p.Clusters, p.Probes
	switch {
	case m.Damage != nil:
		r.File.Damage = m.Damage.Problems
		r.wrong(m.Unsound())
	case m.Obstacle != nil:
		r.wrong(fmt.Errorf("%s: %w", paths[0], m.Obstacle))
	default:
		r.File.Sound = true
		return &native.HeadShape{
			Type: head.Tensor.Type.String(), Columns: head.Width(), Rows: head.Vocab(), Clusters: int64(p.Clusters),
			CentroidType: p.CentroidType.String(), Pinned: len(p.Pinned), CoarseBits: p.Codes.CoarseBits,
		}
	}
	return nil
}
