// Package safetensors reads files of the safetensors format: a length of 8 bytes, a JSON header, data.
// Source: https://huggingface.co/docs/safetensors.
//
// Files may be hostile. The package refuses whatever the specification or the reference implementation refuses, and
// data stays in the file until it is asked for.
package safetensors

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// MaxHeader is the largest size of a header in bytes, as in the reference implementation.
const MaxHeader = 100_000_000

// DType is the format's name of a type.
type DType string

// The types that this package can read; files may have others.
const (
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I32  DType = "I32"
	I64  DType = "I64"
)

// widths are the bits of a value of each type.
var widths = map[DType]uint64{
	"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8,
	"F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E5M2FNUZ": 8, "F8_E4M3FNUZ": 8,
	"I16": 16, "U16": 16, F16: 16, BF16: 16, I32: 32, "U32": 32, F32: 32,
	"C64": 64, "F64": 64, I64: 64, "U64": 64,
}

// Tensor describes a tensor.
type Tensor struct {
	Name  string
	DType DType
	Shape []int64 // outermost first; empty for a scalar

	begin, end int64 // offsets in the data
}

// Values returns the number of values.
func (t Tensor) Values() int64 {
	n := int64(1)
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// File is the header of a file.
type File struct {
	Tensors []Tensor // in the order of their data

	source io.ReaderAt
	data   int64 // offset of the data
	file   *os.File
}

const getAgain = "get the file again: it is incomplete or changed"

// Open reads the header of the file at path, which stays open until Close. Errors carry a hint.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, hint.Wrap(err, "check the path and that you may read it")
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = hint.New(path+" is not a file", "give a folder with the files themselves")
	}
	var f *File
	if err == nil {
		if f, err = Read(file, info.Size()); err != nil {
			err = hint.Wrap(fmt.Errorf("%s: %w", path, err), getAgain)
		}
	}
	if err != nil {
		file.Close()
		return nil, err
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

// Read reads the header of a file of size bytes. Floats and Ints read values from r.
func Read(r io.ReaderAt, size int64) (*File, error) {
	var length [8]byte
	if size < int64(len(length)) {
		return nil, fmt.Errorf("damaged safetensors: %d bytes are too few", size)
	}
	if err := readAt(r, length[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	switch {
	case n > MaxHeader:
		return nil, fmt.Errorf("damaged safetensors: a header of %d bytes is longer than %d", n, MaxHeader)
	case int64(n) > size-int64(len(length)):
		return nil, fmt.Errorf("damaged safetensors: a header of %d bytes in a file of %d", n, size)
	}
	header := make([]byte, n)
	if err := readAt(r, header, int64(len(length))); err != nil {
		return nil, err
	}
	f := &File{source: r, data: int64(len(length)) + int64(n)}
	var err error
	if f.Tensors, err = parse(header, size-f.data); err != nil {
		return nil, fmt.Errorf("damaged safetensors: %w", err)
	}
	return f, nil
}

// Tensor returns the tensor called name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}

// Floats reads len(dst) values, from index at on, of a tensor of type F32, F16 or BF16. It panics if an index is out of
// range.
func (f *File) Floats(t Tensor, at int64, dst []float32) error {
	raw, err := f.raw(t, at, len(dst))
	if err != nil {
		return err
	}
	for i := range dst {
		switch t.DType {
		case F32:
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		case BF16:
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(raw[2*i:])) << 16)
		case F16:
			dst[i] = half(binary.LittleEndian.Uint16(raw[2*i:]))
		default:
			return fmt.Errorf("tensor %q has dtype %s, not F32, F16 or BF16", t.Name, t.DType)
		}
	}
	return nil
}

// Ints reads len(dst) values, from index at on, of a tensor of type I64 or I32. It panics if an index is out of range.
func (f *File) Ints(t Tensor, at int64, dst []int64) error {
	raw, err := f.raw(t, at, len(dst))
	if err != nil {
		return err
	}
	for i := range dst {
		switch t.DType {
		case I64:
			dst[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
		case I32:
			dst[i] = int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		default:
			return fmt.Errorf("tensor %q has dtype %s, not I64 or I32", t.Name, t.DType)
		}
	}
	return nil
}

// raw reads the bytes of n values from index at on.
func (f *File) raw(t Tensor, at int64, n int) ([]byte, error) {
	if at < 0 || at+int64(n) > t.Values() {
		panic(fmt.Sprintf("values %d to %d of %d", at, at+int64(n), t.Values()))
	}
	size := int64(widths[t.DType] / 8)
	raw := make([]byte, size*int64(n))
	if err := readAt(f.source, raw, f.data+t.begin+size*at); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return raw, nil
}

// readAt fills b from offset at on. Unlike ReadAt it accepts an empty b at the end of the file.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	_, err := io.ReadFull(io.NewSectionReader(r, at, int64(len(b))), b)
	return err
}

// half converts an IEEE 754 half-precision number.
func half(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch exponent {
	case 0: // a multiple of 2^-24
		value := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(value) | sign)
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
