package flashhead

import (
	"errors"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// OpenParts is Open for a model in one or several files, the first of them first. Of several, File has the metadata of
// all. The caller closes it.
func OpenParts(paths []string) (*Model, error) {
	if len(paths) == 1 {
		return Open(paths[0])
	}
	m := &Model{paths: paths}
	for _, path := range paths {
		f, err := gguf.Open(path)
		if err != nil {
			m.Close()
			return nil, err
		}
		m.parts = append(m.parts, f)
	}
	whole, err := gguf.Join(m.parts)
	if err == nil {
		err = m.examine(whole)
	}
	if err != nil {
		m.Close()
		return nil, hint.Wrap(fmt.Errorf("%s: %w", paths[0], err), hint.Of(err))
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
