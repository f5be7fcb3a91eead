// Package mapfile is the map file: a GGUF of metadata only, beside a model's file that has no FlashHead keys of its
// own (docs/gguf-format.md). It finds, checks and writes map files as the runtime reads them.
package mapfile

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// Values that make a file a map file.
const (
	keyArchitecture = "general.architecture"
	keyType         = "general.type"
	architecture    = "flashhead" // no model loader knows it
	fileType        = "flashhead-map"
)

// Open opens the model in the files at paths, the first of them first, as flashhead.Open does. Without keys of its
// own it gets those of its map file, if it has one: Map names that, and Damage says why the runtime would not take it.
func Open(paths ...string) (*flashhead.Model, error) {
	m, err := flashhead.Open(paths...)
	if err != nil || m.Converted {
		return m, err
	}
	if f, ok := find(m.Path()); ok {
		m.Map, m.Converted = f.file, true
		digest, _ := Blob(f.path)
		m.Parameters, m.Damage = read(f.file, m, digest)
	}
	return m, nil
}

// Read reads the map file at path for the model m, wherever it lies. The problems are why it does not fit m; nil if it
// does.
func Read(path string, m *flashhead.Model) (flashhead.Parameters, *flashhead.DamageError) {
	digest, _ := Blob(m.Path())
	return read(path, m, digest)
}

// read is Read for a blob with the digest, or for a file that is no blob with "".
func read(path string, m *flashhead.Model, digest string) (flashhead.Parameters, *flashhead.DamageError) {
	f, params, problems := open(path, m.Head)
	if f == nil {
		return params, damage(problems)
	}
	defer f.Close()
	if part, ok := number(f, flashhead.KeyMapShard, gguf.Uint32); !ok || part != uint64(m.Part) {
		problems = append(problems, fmt.Sprintf("it is for a head in file %d of the model, which is in %d", part, m.Part))
	}
	size, ok := number(f, flashhead.KeyMapFileSize, gguf.Uint64)
	if !ok || size != uint64(m.HeadFile().Size) {
		problems = append(problems, fmt.Sprintf("it is for a file of %d bytes, the model's has %d", size, m.HeadFile().Size))
	}
	if problems == nil {
		problems = foreign(f, params, m, digest)
	}
	return params, damage(problems)
}

// Parameters reads the map file at path for a head, wherever the head lies. The problems are why no model with such a
// head could use the map.
func Parameters(path string, head flashhead.Head) (flashhead.Parameters, *flashhead.DamageError) {
	f, params, problems := open(path, head)
	if f != nil {
		f.Close()
	}
	return params, damage(problems)
}

func damage(problems []string) *flashhead.DamageError {
	if problems == nil {
		return nil
	}
	return &flashhead.DamageError{Problems: problems}
}

// open opens the map file at path and makes the checks of a converted file. The caller closes the file, which is nil if
// it is not a map file.
func open(path string, head flashhead.Head) (f *gguf.File, params flashhead.Parameters, problems []string) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // a pipe would never end
		return nil, params, []string{"it is no regular file"}
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, params, []string{strings.TrimPrefix(err.Error(), path+": ")}
	}
	if kind, _ := f.Str(keyType); kind != fileType {
		f.Close()
		return nil, params, []string{"it is not a map file"}
	}
	if params, err = flashhead.FromFile(f, head); err != nil {
		problems = append(problems, err.Error())
	}
	if params.Tensor != head.Tensor.Name {
		problems = append(problems, fmt.Sprintf("it is for %s, the model's head is %s", params.Tensor, head.Tensor.Name))
	}
	return f, params, problems
}

// foreign compares digests. Ollama checks the bytes of a blob, so the blob's name is enough.
func foreign(f *gguf.File, params flashhead.Parameters, m *flashhead.Model, digest string) []string {
	if digest != "" {
		if params.SourceSHA256 != digest {
			return []string{"it is for another blob, sha256-" + params.SourceSHA256}
		}
		return nil
	}
	want, ok := number(f, flashhead.KeyMapHead, gguf.Uint64)
	got, err := Digest(m)
	switch {
	case err != nil:
		return []string{err.Error()}
	case !ok || got != want:
		return []string{"it is for a head with other bytes"}
	}
	return nil
}

// number returns an entry of exactly that type.
func number(f *gguf.File, key string, want gguf.ValueType) (uint64, bool) {
	kv, _ := f.Key(key)
	n, ok := f.Uint(key)
	return n, ok && kv.Type == want
}

// Is reports whether the file at path is a map file, sound or not.
func Is(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := gguf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	kind, _ := f.Str(keyType)
	return kind == fileType && len(f.Tensors) == 0
}

// Digest returns the XXH64, seed 0, of the bytes of the head's tensor: of all its rows, also of those that the runtime
// leaves out.
func Digest(m *flashhead.Model) (uint64, error) {
	f := m.HeadFile()
	t, _ := f.Tensor(m.Head.Tensor.Name) // it is there: Open found it
	sum := xxhash.New()
	_, err := io.Copy(sum, f.Data(t))
	return sum.Sum64(), err
}

// Content returns the map file of m with the parameters p. digest is Digest's result for a file of size bytes.
func Content(m *flashhead.Model, p flashhead.Parameters, digest uint64, size int64) gguf.Content {
	keys := append([]gguf.NewValue{gguf.Str(keyArchitecture, architecture), gguf.Str(keyType, fileType)}, p.Keys()...)
	return gguf.Content{Keys: append(keys, gguf.U32(flashhead.KeyMapShard, uint32(m.Part)),
		gguf.U64(flashhead.KeyMapFileSize, uint64(size)), gguf.U64(flashhead.KeyMapHead, digest))}
}
