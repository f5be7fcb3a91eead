package create

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/server"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// source is where a model comes from.
type source struct {
	from  string // as the user gave it
	model bool   // a registered model, not a file
	file  *modelfile.Modelfile
}

// IsFile tells whether from, as given to --from, means a file: it is one, or looks like nothing else. A folder that
// happens to be called as a model does not count, one behind a path does.
func IsFile(from string) bool {
	if info, err := os.Stat(from); err == nil && (!info.IsDir() || strings.ContainsAny(from, `/\`)) {
		return true
	}
	return strings.EqualFold(filepath.Ext(from), ".gguf") || filepath.IsAbs(from) ||
		strings.HasPrefix(from, "./") || strings.HasPrefix(from, "../")
}

func resolve(ctx context.Context, s server.Server, from string) (source, error) {
	if IsFile(from) {
		return source{from: from, file: &modelfile.Modelfile{From: []string{from}}}, nil
	}
	if err := modelfile.CheckName(from); err != nil {
		return source{}, err
	}
	m, err := s.Source(ctx, from)
	if err != nil {
		return source{}, err
	}
	if len(m.Adapters) > 0 {
		return source{}, hint.New(from+" has a LoRA adapter, which Ollama no longer accepts", "merge the adapter into the model and give the merged GGUF file")
	}
	return source{from, true, m}, nil
}

// Weights returns the path of the GGUF file that from, as given to --from, means.
func Weights(ctx context.Context, s server.Server, from string) (string, error) {
	source, err := resolve(ctx, s, from)
	if err != nil {
		return "", err
	}
	return source.weights(), nil
}

// weights is the path of the model's GGUF file.
func (s source) weights() string { return s.file.From[0] }

func (s source) defaultName() (string, error) {
	if s.model {
		return modelfile.DefaultName(s.from)
	}
	return modelfile.DefaultNameForFile(s.from)
}

// checkName returns an error unless the new model can be called name.
func (s source) checkName(name string) error {
	if err := modelfile.CheckName(name); err != nil {
		return err
	}
	if s.model && modelfile.SameName(name, s.from) {
		return hint.New(fmt.Sprintf("%s is the source itself, which is never changed", name), "give the new model another name")
	}
	return nil
}
