// Package prefix copies a patched Ollama, as `fh-ollama build` leaves it, to a folder where other software may be, and
// takes exactly that away again. What is there and was not installed by it is never changed: if a name is taken, nothing
// is installed.
package prefix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/packaging"
)

// Files of a prefix, slash-separated like all names in it.
const (
	share          = "share/fh-ollama"
	buildManifest  = share + "/build.json"     // of `fh-ollama build`: which files are the build's
	pluginManifest = share + "/plugin.json"    // of `fh-ollama build --plugin`
	receiptName    = share + "/installed.json" // of Install
	partial        = share + "/partial"        // folder of Install, for files that are not yet in their places
	unitName       = share + "/" + packaging.UnitName
	besideName     = unitName + ".new" // of the service where somebody wrote another
)

// ReleaseManifest names the files that a release has beside those of the build.
const ReleaseManifest = share + "/release.json"

// Build is what a folder holds that `fh-ollama build` has made.
type Build struct {
	Ollama   string   // version
	FHOllama string   // version
	Names    []string // of its files, in order, with the manifests
}

// ReadBuild reads the manifests of the build in dir. It is an error if there is no Ollama in it; all else is optional.
func ReadBuild(dir string) (Build, error) {
	var build Build
	for _, name := range []string{buildManifest, pluginManifest, ReleaseManifest} {
		var manifest struct {
			Ollama   string
			FHOllama string `json:"fh_ollama"`
			Files    []string
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if name != buildManifest && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(data, &manifest)
		}
		if err == nil && name == buildManifest && manifest.Ollama == "" {
			err = errors.New("a build was interrupted")
		}
		if err != nil {
			return Build{}, hint.Wrap(fmt.Errorf("%s holds no finished build: %w", dir, err), "make one with `fh-ollama build`")
		}
		for _, file := range manifest.Files {
			if !filepath.IsLocal(filepath.FromSlash(file)) {
				return Build{}, fmt.Errorf("%s names %q, outside the folder", name, file)
			}
		}
		if name == buildManifest {
			build.Ollama, build.FHOllama = manifest.Ollama, manifest.FHOllama
		}
		build.Names = append(append(build.Names, manifest.Files...), name)
	}
	slices.Sort(build.Names)
	build.Names = slices.Compact(build.Names) // both builds bring the program
	return build, nil
}
