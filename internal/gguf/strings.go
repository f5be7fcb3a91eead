package gguf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// EachString calls visit for every element of an array of strings. text is valid until visit returns.
func EachString(f *File, key string, visit func(i int64, text []byte)) error {
	kv, ok := f.Key(key)
	if !ok {
		return fmt.Errorf("%s is missing", key)
	}
	if kv.Type != Array || kv.Elem != String {
		return fmt.Errorf("%s is %s", key, kv.Kind())
	}
	in := bufio.NewReader(io.NewSectionReader(f.source, kv.value, kv.end-kv.value))
	var size [8]byte
	var text []byte
	for i := range kv.Count {
		if _, err := io.ReadFull(in, size[:]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		n := binary.LittleEndian.Uint64(size[:]) // was checked when the file was opened
		if n > uint64(kv.end-kv.value) {
			return fmt.Errorf("%s has a string of %d bytes", key, n)
		}
		if uint64(cap(text)) < n {
			text = make([]byte, n)
		}
		if _, err := io.ReadFull(in, text[:n]); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		visit(i, text[:n])
	}
	return nil
}
