package gguf_test

import (
	"bytes"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// Read must not panic, allocate without bound, or accept a tensor outside the file.
func FuzzRead(f *testing.F) {
	f.Add(gguftest.File{KVs: everyKind(), Tensors: tensors()}.Bytes())
	f.Add(gguftest.Model(40, 32).Bytes())
	for _, d := range defects() {
		f.Add(d.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for _, kv := range file.Keys {
			file.Uint(kv.Key)
			file.Str(kv.Key)
			gguf.Numbers[uint32](file, kv.Key)
		}
		for _, tensor := range file.Tensors {
			if file.DataStart+tensor.Offset+tensor.Bytes > file.Size {
				t.Errorf("tensor %q lies outside the file", tensor.Name)
			}
		}
	})
}
