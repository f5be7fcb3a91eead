// Package gguf reads the metadata of GGUF files, rewrites it, and writes new files.
//
// Files may be hostile. Every count and length is checked against the rest of the file before anything is allocated,
// and long values stay in the file until they are asked for.
package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// AlignmentKey is the metadata key of the alignment of tensor data in bytes. The default is 32.
const AlignmentKey = "general.alignment"

const (
	magic            = "GGUF"
	defaultAlignment = 32
	maxAlignment     = 1 << 20
)

// File is the metadata of a GGUF file, version 2 or 3, little endian.
type File struct {
	Version   uint32
	Alignment int64
	Keys      []KeyValue // in the order of the file
	Tensors   []Tensor   // in the order of the file
	DataStart int64      // file offset of the tensor data; Size if there are no tensors
	Size      int64      // of the file, bytes

	source io.ReaderAt
	file   *os.File // set by Open
	byKey  map[string]int
	byName map[string]int
}

// Open reads the metadata of the file at path, which stays open until Close. Errors carry a hint.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, hint.Wrap(err, "check the path and that you may read it")
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = hint.New(path+" is not a file", "name the GGUF file itself")
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	f, err := Read(file, info.Size())
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.file = file
	return f, nil
}

// Close closes the file that Open opened.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// Read reads the metadata of a file of size bytes. The methods of File read values from r. Errors carry a hint.
func Read(r io.ReaderAt, size int64) (*File, error) {
	in := newReader(r, size)
	f := &File{source: r, Size: size, byKey: map[string]int{}, byName: map[string]int{}}
	tensors, keys, err := f.readHeader(in)
	if err != nil {
		return nil, err
	}
	f.readKeys(in, keys)
	f.readTensors(in, tensors)
	if in.err == nil {
		in.err = f.checkData(in.pos)
	}
	var foreign foreignType
	if errors.As(in.err, &foreign) {
		return nil, hint.Wrap(in.err, "get the model in a type of llama.cpp, such as Q4_K_M: Ollama cannot run this file, "+
			"which is for a fork or another version of llama.cpp")
	}
	if in.err != nil {
		return nil, hint.Wrap(fmt.Errorf("damaged GGUF: %w", in.err), "get the file again: it is incomplete or changed")
	}
	return f, nil
}

// readHeader checks magic and version and returns the numbers of tensors and keys.
func (f *File) readHeader(in *reader) (tensors, keys int64, err error) {
	if string(in.bytes(4)) != magic {
		return 0, 0, hint.New("not a GGUF file",
			"give a GGUF file; llama.cpp's convert_hf_to_gguf.py converts Hugging Face models")
	}
	f.Version = in.u32()
	switch {
	case in.err != nil:
	case f.Version == 2 || f.Version == 3:
	case f.Version == 1:
		return 0, 0, hint.New("GGUF version 1 is not supported", "get the model in GGUF version 3")
	case f.Version&0xffff == 0 && f.Version != 0:
		return 0, 0, hint.New("a big-endian GGUF file is not supported", "get the little-endian file of the same model")
	default:
		return 0, 0, hint.New(fmt.Sprintf("GGUF version %d is not supported", f.Version),
			"get the model in GGUF version 2 or 3")
	}
	// A tensor has at least a name length, a dimension count, a type and an offset.
	tensors = in.count("tensors", 8+4+4+8, maxTensors)
	keys = in.count("keys", 8+1+4+1, maxKeys) // length, one character, type, value
	return tensors, keys, nil
}

func (f *File) readKeys(in *reader, n int64) {
	for i := int64(0); i < n && in.err == nil; i++ {
		kv := in.keyValue()
		if _, double := f.byKey[kv.Key]; double && in.err == nil {
			in.fail("key %q appears twice", kv.Key)
		}
		f.byKey[kv.Key] = len(f.Keys)
		f.Keys = append(f.Keys, kv)
	}
	f.Alignment = defaultAlignment
	if kv, ok := f.Key(AlignmentKey); ok && in.err == nil {
		n, _ := kv.uint()
		if kv.Type != Uint32 || n < 8 || n > maxAlignment || n&(n-1) != 0 {
			in.fail("%s must be a u32 power of two from 8 to %d", AlignmentKey, maxAlignment)
		}
		f.Alignment = int64(n)
	}
}

func (f *File) readTensors(in *reader, n int64) {
	for i := int64(0); i < n && in.err == nil; i++ {
		t := in.tensor()
		if _, double := f.byName[t.Name]; double && in.err == nil {
			in.fail("tensor %q appears twice", t.Name)
		}
		f.byName[t.Name] = len(f.Tensors)
		f.Tensors = append(f.Tensors, t)
	}
}

// checkData sets DataStart, given the end of the tensor descriptions, and checks that every tensor lies in the file.
func (f *File) checkData(end int64) error {
	if len(f.Tensors) == 0 {
		f.DataStart = f.Size
		return nil
	}
	f.DataStart = align(end, f.Alignment)
	for _, t := range f.Tensors {
		if t.Offset%f.Alignment != 0 {
			return fmt.Errorf("the data of tensor %q is not aligned to %d bytes", t.Name, f.Alignment)
		}
		if t.Offset > f.Size-f.DataStart || t.Bytes > f.Size-f.DataStart-t.Offset {
			return fmt.Errorf("tensor %q: %w", t.Name, errTruncated)
		}
	}
	return nil
}

// Key returns the entry of key.
func (f *File) Key(key string) (KeyValue, bool) {
	i, ok := f.byKey[key]
	if !ok {
		return KeyValue{}, false
	}
	return f.Keys[i], true
}

// Tensor returns the tensor called name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i, ok := f.byName[name]
	if !ok {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}

// Uint returns a non-negative integer of any width; false if the key has none.
func (f *File) Uint(key string) (uint64, bool) {
	kv, ok := f.Key(key)
	if !ok {
		return 0, false
	}
	return kv.uint()
}

// Float returns an f32 or f64; false if the key has none.
func (f *File) Float(key string) (float64, bool) {
	kv, _ := f.Key(key)
	bits := binary.LittleEndian.Uint64(kv.scalar[:])
	switch kv.Type {
	case Float32:
		return float64(math.Float32frombits(uint32(bits))), true
	case Float64:
		return math.Float64frombits(bits), true
	}
	return 0, false
}

// Flag returns a bool; ok is false if the key has none.
func (f *File) Flag(key string) (value, ok bool) {
	kv, _ := f.Key(key)
	return kv.Type == Bool && kv.scalar[0] != 0, kv.Type == Bool
}

// Str returns a string; false if the key has none or it cannot be read.
func (f *File) Str(key string) (string, bool) {
	kv, ok := f.Key(key)
	if !ok || kv.Type != String {
		return "", false
	}
	b := make([]byte, kv.end-kv.value)
	if _, err := f.source.ReadAt(b, kv.value); err != nil {
		return "", false
	}
	return string(b), true
}

// Number is a Go type of the elements of a metadata array.
type Number interface{ uint32 | int32 | float32 }

// Numbers returns an array of numbers of four bytes. Signed and unsigned integers are interchangeable.
func Numbers[T Number](f *File, key string) ([]T, error) {
	kv, err := f.array(key)
	if err != nil {
		return nil, err
	}
	_, float := any(T(0)).(float32)
	if kv.Elem.size() != 4 || (kv.Elem == Float32) != float {
		return nil, fmt.Errorf("%s is %s", key, kv.Kind())
	}
	v := make([]T, kv.Count)
	err = binary.Read(io.NewSectionReader(f.source, kv.value, kv.end-kv.value), binary.LittleEndian, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return v, nil
}

// EachString calls visit for every element of an array of strings.
func EachString(f *File, key string, visit func(i int64, text []byte)) error {
	kv, err := f.array(key)
	if err != nil {
		return err
	}
	if kv.Elem != String {
		return fmt.Errorf("%s is %s", key, kv.Kind())
	}
	size := kv.end - kv.value
	in := newReader(io.NewSectionReader(f.source, kv.value, size), size)
	for i := range kv.Count {
		text := in.bytes(in.u64())
		if in.err != nil {
			return fmt.Errorf("%s: %w", key, in.err)
		}
		visit(i, text)
	}
	return nil
}

// array returns the entry of an array.
func (f *File) array(key string) (KeyValue, error) {
	kv, ok := f.Key(key)
	switch {
	case !ok:
		return kv, fmt.Errorf("%s is missing", key)
	case kv.Type != Array:
		return kv, fmt.Errorf("%s is %s", key, kv.Kind())
	}
	return kv, nil
}

// Data returns a reader of the t.Bytes bytes of a tensor.
func (f *File) Data(t Tensor) *io.SectionReader {
	return io.NewSectionReader(f.source, f.DataStart+t.Offset, t.Bytes)
}

func align(n, to int64) int64 { return (n + to - 1) / to * to }
