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

// Open opens the model in the GGUF files at paths, the first of them first. Of several, File has the metadata of all.
// The caller closes it. A missing output head is an error; damaged keys and obstacles are not. Errors name the file and
// carry a hint.
func Open(paths ...string) (*Model, error) {
	m := &Model{paths: paths}
	for _, path := range paths {
		f, err := gguf.Open(path)
		if err != nil {
			m.Close()
			return nil, err
		}
		m.parts = append(m.parts, f)
	}
	whole, err := m.parts[0], error(nil)
	if len(paths) > 1 {
		whole, err = gguf.Join(m.parts)
	}
	if err == nil {
		err = m.examine(whole)
	}
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("%s: %w", paths[0], err)
	}
	for i, part := range m.parts {
		if _, here := part.Tensor(m.Head.Tensor.Name); here {
			m.Part = i
		}
	}
	return m, nil
}

// examine finds the head and reads the keys of f, which becomes m's.
func (m *Model) examine(f *gguf.File) error {
	head, err := FindHead(f)
	if err != nil {
		return err
	}
	m.File, m.Head, m.Obstacle, m.Converted = f, head, Obstacle(f, head), Converted(f)
	if m.Converted {
		m.Parameters, err = FromFile(f, head)
		errors.As(err, &m.Damage)
	}
	return nil
}

// Path returns the path of the first file.
func (m *Model) Path() string { return m.paths[0] }

// HeadPath returns the path of the file that holds the head's tensor.
func (m *Model) HeadPath() string { return m.paths[m.Part] }

// HeadFile returns the file that holds the head's tensor.
func (m *Model) HeadFile() *gguf.File { return m.parts[m.Part] }

// Close closes all files.
func (m *Model) Close() error {
	var errs []error
	for _, part := range m.parts {
		errs = append(errs, part.Close())
	}
	return errors.Join(errs...)
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
