package flashhead

import (
	"errors"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Model is an open model with the output head that FlashHead works on.
type Model struct {
	*gguf.File
	Head       Head
	Part       int          // index of the file with the head; 0 for a model in one file
	Obstacle   error        // why the runtime keeps this head dense, whatever the keys; nil if none
	Converted  bool         // it has FlashHead keys, sound or damaged
	Parameters Parameters   // the contents of the keys, as far as they are readable
	Damage     *DamageError // why the runtime ignores the keys; nil if they are sound or absent
	Map        string       // path of the map file that the keys are from; "": the model's own

	parts []*gguf.File // all of its files
	paths []string     // theirs
}

// Open opens the GGUF file at path. The caller closes it. A missing output head is an error; damaged keys and obstacles
// are not. Errors name the file and carry a hint.
func Open(path string) (*Model, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	m := &Model{parts: []*gguf.File{f}, paths: []string{path}}
	if err := m.examine(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// ErrNotConverted is in the chain of an error when a model has no FlashHead.
var ErrNotConverted = errors.New("not converted: it has no FlashHead")

// OpenConverted is Open, and an error for a file that is not converted or not sound.
func OpenConverted(path string) (*Model, error) { return Sound(Open(path)) }

// Sound passes on a model with sound keys. It closes others and returns an error with a hint. It also passes on err.
func Sound(m *Model, err error) (*Model, error) {
	if err == nil {
		if err = m.Unsound(); err != nil {
			m.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Unsound returns why the runtime has no keys to use, with a hint, or nil.
func (m *Model) Unsound() error {
	switch path := m.Path(); {
	case !m.Converted:
		return hint.Wrap(fmt.Errorf("%s: %w", path, ErrNotConverted),
			"make a map for it first: fh-ollama on "+commandline.Quote(path))
	case m.Damage != nil && m.Map != "":
		return hint.Wrap(fmt.Errorf("the map %s does not fit %s: %w", m.Map, path, m.Damage),
			"make it again: fh-ollama on "+commandline.Quote(path))
	case m.Damage != nil:
		return hint.Wrap(fmt.Errorf("%s has damaged FlashHead keys: %w", path, m.Damage),
			"convert it again: fh-ollama convert --force "+commandline.Quote(path))
	}
	return nil
}
