package gguf

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// splitPrefix begins the keys that make a file one of several.
const splitPrefix = "split."

// Parts returns the number of files of the model that f is a part of: 1 for a whole model.
func (f *File) Parts() int {
	if n, _ := f.Uint(splitPrefix + "count"); n > 1 && n <= maxParts {
		return int(n)
	}
	return 1
}

// maxParts is the most files of a model: their names have five digits for the number.
const maxParts = 99999

// PartName returns llama.cpp's name of file i, from 0, of n.
func PartName(prefix string, i, n int) string {
	return fmt.Sprintf("%s-%05d-of-%05d.gguf", prefix, i+1, n)
}

// PartPaths returns the paths of all n files of the model whose first file is at path, named as llama.cpp names them.
// Errors carry a hint.
func PartPaths(path string, n int) ([]string, error) {
	if n == 1 {
		return []string{path}, nil
	}
	prefix, ok := strings.CutSuffix(path, PartName("", 0, n))
	if !ok {
		return nil, hint.New(fmt.Sprintf("%s is one of %d files of a model, and not called like the first", path, n),
			"give the first one, "+PartName("NAME", 0, n))
	}
	var paths []string
	for i := range n {
		paths = append(paths, PartName(prefix, i, n))
	}
	return paths, nil
}

// Join returns the metadata of a model in several files: the keys of the first without those of the split, and the
// tensors of all. The tensors' data is that of the parts, which stay open.
func Join(parts []*File) (*File, error) {
	first := parts[0]
	whole := &File{Version: first.Version, Alignment: first.Alignment, source: first.source, byKey: map[string]int{},
		byName: map[string]int{}}
	for _, kv := range first.Keys {
		if !strings.HasPrefix(kv.Key, splitPrefix) {
			whole.byKey[kv.Key] = len(whole.Keys)
			whole.Keys = append(whole.Keys, kv)
		}
	}
	for i, part := range parts {
		if no, _ := part.Uint(splitPrefix + "no"); part.Parts() != len(parts) || no != uint64(i) {
			return nil, hint.Wrap(fmt.Errorf("file %d of %d belongs to another model, or to another place in it", i+1,
				len(parts)), incomplete)
		}
		for _, t := range part.Tensors {
			if _, double := whole.byName[t.Name]; double {
				return nil, hint.Wrap(fmt.Errorf("tensor %q is in two files", t.Name), incomplete)
			}
			whole.byName[t.Name] = len(whole.Tensors)
			whole.Tensors = append(whole.Tensors, t)
		}
		whole.Size += part.Size
	}
	if n, ok := first.Uint(splitPrefix + "tensors.count"); ok && n != uint64(len(whole.Tensors)) {
		return nil, hint.Wrap(errors.New("tensors are missing"), incomplete)
	}
	return whole, nil
}

const incomplete = "get all files of the model again"
