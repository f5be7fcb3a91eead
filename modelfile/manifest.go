package modelfile

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ollama/ollama/types/model"
)

// digests are how SHA-256 sums are written.
var digests = regexp.MustCompile(`^[0-9a-f]{64}$`)

type layer struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
}

// path returns the layer's file in the folder of models; false if the digest could lead out of it.
func (l layer) path(models string) (string, bool) {
	digest, ok := strings.CutPrefix(l.Digest, "sha256:")
	return filepath.Join(models, "blobs", "sha256-"+digest), ok && digests.MatchString(digest)
}

// Parts returns the paths of the files of the weights that begin with the blob at path, of the model name: the further
// ones are in the store's manifest only. For a draft model path is that of the draft. Without a manifest path is all.
func Parts(name, path string) []string {
	models := filepath.Dir(filepath.Dir(path)) // …/models/blobs/sha256-…
	layers, err := readManifest(models, name)
	if err != nil {
		return []string{path}
	}
	paths, kind := []string{path}, ""
	for _, l := range layers {
		file, ok := l.path(models)
		switch {
		case !ok:
		case filepath.Base(file) == filepath.Base(path):
			kind = l.MediaType
		case kind != "" && l.MediaType == kind:
			paths = append(paths, filepath.Join(filepath.Dir(path), filepath.Base(file)))
		}
	}
	return paths
}

func readManifest(models, name string) ([]layer, error) {
	n := model.ParseName(name)
	if !n.IsFullyQualified() {
		return nil, fs.ErrNotExist
	}
	path := filepath.Join(models, "manifests")
	for _, part := range []string{n.Host, n.Namespace, n.Model, n.Tag} {
		path = filepath.Join(path, inFolder(path, part))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var manifest struct {
		Layers []layer `json:"layers"`
	}
	err = json.Unmarshal(data, &manifest)
	return manifest.Layers, err
}

// inFolder returns name as dir spells it: to Ollama, names are the same in upper and lower case.
func inFolder(dir, name string) string {
	entries, _ := os.ReadDir(dir)
	same := name
	for _, e := range entries {
		switch {
		case e.Name() == name:
			return name
		case strings.EqualFold(e.Name(), name):
			same = e.Name()
		}
	}
	return same
}
