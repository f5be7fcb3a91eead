package flashhead

import (
	"errors"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// ErrNotConverted is in the chain of an error when a model has no FlashHead.
var ErrNotConverted = errors.New("not converted: there is no FlashHead in it")

// OpenConverted opens the converted file at path, which is for the caller to close, with its head and its parameters. Errors
// name the file and carry a way out.
func OpenConverted(path string) (*gguf.File, Head, Parameters, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, Head{}, Parameters{}, err
	}
	head, params, err := readConverted(f, path)
	if err != nil {
		f.Close()
		return nil, Head{}, Parameters{}, fmt.Errorf("%s: %w", path, err)
	}
	return f, head, params, nil
}

func readConverted(f *gguf.File, path string) (Head, Parameters, error) {
	head, err := FindHead(f)
	if err != nil {
		return Head{}, Parameters{}, err
	}
	if !Converted(f) {
		return Head{}, Parameters{}, hint.Wrap(ErrNotConverted, "convert it first: fh-ollama convert "+commandline.Quote(path))
	}
	params, err := FromFile(f, head)
	if err != nil { // a *DamageError
		return Head{}, Parameters{}, hint.Wrap(err, "convert it again: fh-ollama convert --force "+commandline.Quote(path))
	}
	return head, params, nil
}
