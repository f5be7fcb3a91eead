package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// Modelfile returns what the server keeps about the model name. Its files are paths on the server's machine.
func (s Server) Modelfile(ctx context.Context, name string) (*modelfile.Modelfile, error) {
	cloud := hint.New(name+" runs in the cloud, its weights are not here", "choose a model that is stored on this machine")
	if tag := strings.ToLower(model.ParseName(name).Tag); tag == "cloud" || strings.HasSuffix(tag, "-cloud") {
		return nil, cloud // asked for it, the server would ask for a login
	}
	show, err := s.Client.Show(ctx, &api.ShowRequest{Model: name})
	var status api.StatusError
	switch {
	case errors.As(err, &status) && status.StatusCode == http.StatusNotFound:
		return nil, hint.New(fmt.Sprintf("%s is neither a file nor a model of the Ollama at %s", name, s.Host),
			"see `ollama list` for its models, get one with `ollama pull`, or give a GGUF file")
	case err != nil:
		err = s.explain(err)
		return nil, hint.Wrap(fmt.Errorf("%s is no file here, and whether it is a model is not known: %w", name, err), hint.Of(err))
	case show.RemoteHost != "":
		return nil, cloud
	case show.Details.Format != "" && show.Details.Format != "gguf":
		return nil, hint.New(fmt.Sprintf("%s is stored as %s, not as GGUF", name, show.Details.Format), "get the model as a GGUF file")
	}
	m := modelfile.FromShow(show)
	if len(m.From) == 0 {
		return nil, hint.New(fmt.Sprintf("the Ollama at %s does not say where the weights of %s lie", s.Host, name), "give the GGUF file itself")
	}
	m.Template = ownTemplate(m, name)
	return m, nil
}

// Source is Modelfile for a server on this machine: it also checks that the files can be read here, and are GGUF, for they
// are sent back when a model is registered, and a server may name any file.
func (s Server) Source(ctx context.Context, name string) (*modelfile.Modelfile, error) {
	m, err := s.Modelfile(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, path := range append(append([]string{}, m.From...), m.Draft...) {
		f, err := os.Open(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, hint.New(fmt.Sprintf("the weights of %s lie on the machine of the Ollama at %s, not on this one", name, s.Host),
				"give the model's GGUF file, or run this command on that machine")
		case err != nil:
			return nil, hint.Wrap(fmt.Errorf("the weights of %s: %w", name, err),
				"run this command as a user who may read Ollama's models (sudo -u ollama …), or give the GGUF file")
		}
		magic := make([]byte, len(ggufMagic))
		_, err = io.ReadFull(f, magic)
		f.Close()
		if err != nil || string(magic) != ggufMagic {
			return nil, hint.New(fmt.Sprintf("the Ollama at %s names %s among the weights of %s, which is no GGUF file", s.Host, path, name),
				"give the model's GGUF file")
		}
	}
	return m, nil
}

const ggufMagic = "GGUF"

// ownTemplate returns the template that the model itself carries, "" for none. A server answers with a default
// for a model without one, and setting that default would switch off the chat template in the GGUF file; only the
// stored manifest tells the two apart.
func ownTemplate(m *modelfile.Modelfile, name string) string {
	models := filepath.Dir(filepath.Dir(m.From[0])) // …/models/blobs/sha256-…
	if layers, err := readManifest(models, name); err == nil {
		for _, l := range layers {
			if l.MediaType == "application/vnd.ollama.image.template" || l.MediaType == "application/vnd.ollama.image.prompt" {
				digest, sound := strings.CutPrefix(l.Digest, "sha256:")
				if !sound || !digests.MatchString(digest) { // not a name that could lead out of the folder
					continue
				}
				text, err := os.ReadFile(filepath.Join(models, "blobs", "sha256-"+digest))
				if err == nil {
					return string(text)
				}
			}
		}
		return ""
	}
	if m.Template == modelfile.DefaultTemplate || strings.Contains(m.Template, "{%") {
		return "" // the default, or the GGUF's own in another language
	}
	return m.Template
}

// digests are how SHA-256 sums are written.
var digests = regexp.MustCompile(`^[0-9a-f]{64}$`)

type layer struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
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
