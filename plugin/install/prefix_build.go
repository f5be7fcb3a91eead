package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Files of a prefix, slash-separated like all names in it.
const (
	share          = "share/fh-ollama"
	buildManifest  = share + "/build.json"     // of `fh-ollama build`: which files are the build's
	pluginManifest = share + "/plugin.json"    // of `fh-ollama build --plugin`
	receiptPath    = share + "/" + receiptName // of Prefix
	unitName       = share + "/" + serviceFile
	besideName     = unitName + ".new" // of the service where somebody wrote another
)

// ReleaseManifest names the files of a release besides those of the build.
const ReleaseManifest = share + "/release.json"

// Build describes a folder made by `fh-ollama build`.
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
			return Build{}, hint.Wrap(fmt.Errorf("%s holds no finished build: %w", dir, err),
				"make one with `fh-ollama build`, and run the fh-ollama in its bin folder")
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
	build.Names = slices.Compact(build.Names) // both builds have the program
	return build, nil
}

// files returns the files of the build in from, and the service for dir.
func (b Build) files(ctx context.Context, from, dir string, service []string) ([]file, error) {
	root, err := os.OpenRoot(from)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	text, err := unit(dir, service)
	if err != nil {
		return nil, err
	}
	files := []file{{path: unitName, data: text, mode: 0o644}}
	for _, name := range b.Names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f := file{path: name}
		info, err := root.Lstat(name)
		switch {
		case err != nil:
		case info.Mode()&fs.ModeSymlink != 0:
			f.link, err = root.Readlink(name)
			if err == nil && f.link != filepath.Base(f.link) {
				err = fmt.Errorf("%s points at %s, outside its folder", name, f.link)
			}
		default:
			f.mode = 0o644
			if info.Mode()&0o111 != 0 {
				f.mode = 0o755
			}
			f.data, err = root.ReadFile(name)
		}
		if err != nil {
			return nil, hint.Wrap(fmt.Errorf("the build in %s is not whole: %w", from, err), "run `fh-ollama build` again")
		}
		files = append(files, f)
	}
	return files, nil
}
