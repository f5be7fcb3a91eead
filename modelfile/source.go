package modelfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
)

// Of returns the Modelfile of the server's model name. Its files are paths on the server's machine.
func Of(ctx context.Context, s ollama.Server, name string) (*Modelfile, error) {
	show, err := s.Show(ctx, name)
	if err != nil {
		return nil, err
	}
	m := FromShow(show)
	if len(m.From) == 0 {
		return nil, hint.New(fmt.Sprintf("the Ollama at %s does not say where the weights of %s lie", s.Host, name),
			"give the GGUF file itself")
	}
	m.Template = ownTemplate(m, name)
	return m, nil
}

// Source is Of for a server on this machine: it also checks that the files can be read here, and are GGUF, for they
// are sent back when a model is registered, and a server may name any file.
func Source(ctx context.Context, s ollama.Server, name string) (*Modelfile, error) {
	m, err := Of(ctx, s, name)
	if err != nil {
		return nil, err
	}
	for _, path := range append(append([]string{}, m.From...), m.Draft...) {
		f, err := os.Open(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, hint.New(fmt.Sprintf("the weights of %s lie on the machine of the Ollama at %s, not on this one", name,
				s.Host),
				"give the model's GGUF file, or run this command on that machine")
		case err != nil:
			return nil, hint.Wrap(fmt.Errorf("the weights of %s: %w", name, err),
				"run this command as a user who may read Ollama's models (sudo -u ollama …), or give the GGUF file")
		}
		magic := make([]byte, len(ggufMagic))
		_, err = io.ReadFull(f, magic)
		f.Close()
		if err != nil || string(magic) != ggufMagic {
			return nil, hint.New(fmt.Sprintf("the Ollama at %s names %s among the weights of %s, which is not a GGUF file",
				s.Host, path, name),
				"give the model's GGUF file")
		}
	}
	return m, nil
}

const ggufMagic = "GGUF"

// ownTemplate returns the template that the model itself carries, "" for none. A server answers with a default
// for a model without one, and setting that default would switch off the chat template in the GGUF file; only the
// stored manifest tells the two apart.
func ownTemplate(m *Modelfile, name string) string {
	models := filepath.Dir(filepath.Dir(m.From[0])) // …/models/blobs/sha256-…
	if layers, err := readManifest(models, name); err == nil {
		for _, l := range layers {
			if l.MediaType == "application/vnd.ollama.image.template" || l.MediaType == "application/vnd.ollama.image.prompt" {
				if path, ok := l.path(models); ok {
					if text, err := os.ReadFile(path); err == nil {
						return string(text)
					}
				}
			}
		}
		return ""
	}
	if m.Template == DefaultTemplate || strings.Contains(m.Template, "{%") {
		return "" // the default, or the GGUF's own in another language
	}
	return m.Template
}
