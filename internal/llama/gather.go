package llama

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
)

// Gathered is a model whose files llama.cpp finds by the path of the first.
type Gathered struct {
	Path     string
	Settings []string // for programs that load it, as "NAME=value"
	folder   atomicfile.Folder
}

// splitFolder is what Ollama calls folders with links to a model's blobs: the runtime then looks for the map of the
// first blob (docs/gguf-format.md).
const splitFolder = ".ollama-split-fh-ollama"

// Gather makes the model in the files at paths, the first of them first, loadable. llama.cpp finds further files by
// their names, which blobs of an Ollama do not have. They get links in a temporary folder laid out like the store, so
// that the runtime looks for the map in the same places. Call Remove when done. Errors carry a hint.
func Gather(paths []string) (Gathered, error) {
	if all, err := gguf.PartPaths(paths[0], len(paths)); err == nil && slices.Equal(all, paths) {
		return Gathered{Path: paths[0]}, nil
	}
	folder, err := atomicfile.NewFolder("parts")
	if err != nil {
		return Gathered{}, hint.Wrap(err, atomicfile.Elsewhere)
	}
	g := Gathered{folder: folder}
	if err := g.link(paths); err != nil {
		g.Remove()
		return Gathered{}, hint.Wrap(err, atomicfile.Elsewhere)
	}
	return g, nil
}

// link makes the links and sets Path and Settings.
func (g *Gathered) link(paths []string) error {
	blobs := filepath.Join(g.folder.Path, "blobs")
	parts := filepath.Join(blobs, splitFolder)
	if err := os.MkdirAll(parts, 0o700); err != nil {
		return err
	}
	first, err := filepath.Abs(paths[0])
	if err != nil {
		return err
	}
	links := [][2]string{ // target and link
		{first, filepath.Join(blobs, filepath.Base(first))},
		{filepath.Join(filepath.Dir(first), "..", mapfile.StoreFolder), filepath.Join(g.folder.Path, mapfile.StoreFolder)},
	}
	for i, path := range paths {
		if path, err = filepath.Abs(path); err != nil {
			return err
		}
		links = append(links, [2]string{path, filepath.Join(parts, gguf.PartName("model", i, len(paths)))})
	}
	for _, l := range links {
		if err := os.Symlink(l[0], l[1]); err != nil {
			return err
		}
	}
	g.Path = links[2][1]
	// The plug-in would look for further files where the links lead.
	g.Settings = []string{"FLASHHEAD_MODEL=" + g.Path}
	return nil
}

// Remove removes what Gather made.
func (g Gathered) Remove() {
	if g.folder.Path != "" {
		g.folder.Remove()
	}
}
