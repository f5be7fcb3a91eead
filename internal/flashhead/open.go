package flashhead

import (
	"errors"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Model is an open GGUF file with the output head that FlashHead works on.
type Model struct {
	*gguf.File
	Head       Head
	Obstacle   error        // why the runtime keeps this head dense, whatever the keys; nil if none
	Converted  bool         // it has FlashHead keys, sound or damaged
	Parameters Parameters   // the contents of the keys, as far as they are readable
	Damage     *DamageError // why the runtime ignores the keys; nil if they are sound or absent
}

// Open opens the GGUF file at path. The caller closes it. A missing output head is an error; damaged keys and obstacles
// are not. Errors name the file and carry a hint.
func Open(path string) (*Model, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	head, err := FindHead(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m := &Model{File: f, Head: head, Obstacle: Obstacle(f, head), Converted: Converted(f)}
	if m.Converted {
		m.Parameters, err = FromFile(f, head)
		errors.As(err, &m.Damage)
	}
	return m, nil
}

// ErrNotConverted is in the chain of an error when a model has no FlashHead.
var ErrNotConverted = errors.New("not converted: it has no FlashHead")

// OpenConverted is Open, and an error for a file that is not converted or not sound.
func OpenConverted(path string) (*Model, error) {
	m, err := Open(path)
	if err != nil {
		return nil, err
	}
	switch {
	case !m.Converted:
		err = hint.Wrap(fmt.Errorf("%s: %w", path, ErrNotConverted),
			"convert it first: fh-ollama convert "+commandline.Quote(path))
	case m.Damage != nil:
		err = DamagedFile(path, m.Damage)
	default:
		return m, nil
	}
	m.Close()
	return nil, err
}

// DamagedFile returns the error for the file at path, whose keys are damaged, with a hint.
func DamagedFile(path string, damage *DamageError) error {
	return hint.Wrap(fmt.Errorf("%s has damaged FlashHead keys: %w", path, damage),
		"convert it again: fh-ollama convert --force "+commandline.Quote(path))
}
