// Package assets reads and writes the files in which FlashHead's authors publish a clustered head for vLLM, beside the
// model's own (docs/interoperation.md describes them).
package assets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Format is the name of the format, and of the folder with the clusters.
const Format = "flash_head_assets"

// folder names the files of one model.
type folder struct {
	clusters string // the clusters
	config   string // the model's configuration
}

// locate returns the files of dir, which is the model's folder or the folder called Format in it. They need not be there.
func locate(dir string) (folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return folder{}, err
	}
	dir = filepath.Clean(dir)
	if filepath.Base(abs) == Format {
		return folder{filepath.Join(dir, "clustering_cache.safetensors"), filepath.Join(filepath.Dir(abs), "config.json")}, nil
	}
	return folder{filepath.Join(dir, Format, "clustering_cache.safetensors"), filepath.Join(dir, "config.json")}, nil
}

// free returns an error if one of the files is there and may not be replaced.
func (f folder) free(force bool) error {
	for _, file := range []struct{ path, instead string }{
		{f.clusters, "or give --force to replace it"},
		{f.config, "or give --force to set FlashHead's entries in it, which leaves all others"},
	} {
		info, err := os.Stat(file.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return hint.Wrap(err, "choose another folder with --assets")
		case !info.Mode().IsRegular():
			return hint.New(file.path+" is there and not a file", "choose another folder with --assets")
		case !force:
			return hint.New(file.path+" exists already", "choose another folder with --assets, "+file.instead)
		}
	}
	return nil
}

// make makes the folders of the files and returns what removes those that are new and still empty.
func (f folder) make() (undo func(), err error) {
	var made []string
	undo = func() {
		for _, dir := range made {
			os.Remove(dir)
		}
	}
	for _, dir := range []string{filepath.Dir(f.config), filepath.Dir(f.clusters)} {
		err := os.Mkdir(dir, 0o777)
		switch {
		case err == nil:
			made = append([]string{dir}, made...)
		case !errors.Is(err, fs.ErrExist):
			undo()
			return nil, hint.Wrap(fmt.Errorf("cannot make the folder: %w", err), "make the folder above it first, or choose another with --assets")
		}
	}
	return undo, nil
}
