// Package safetensors reads tensors of files of the safetensors format: a length of 8 bytes, a JSON header, data.
// Source: https://huggingface.co/docs/safetensors.
//
// Files may be hostile. Whatever a header says, a tensor lies in the file, and data stays there until it is asked for.
package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// maxHeader is the largest size of a header in bytes, as in the reference implementation.
const maxHeader = 100_000_000

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

// sizes are the bytes of a value of each type.
var sizes = map[DType]int64{F32: 4, F16: 2, BF16: 2, I32: 4, I64: 8}

// Tensor describes a tensor that lies in the file.
type Tensor struct {
	DType DType   `json:"dtype"`
	Shape []int64 `json:"shape"`        // outermost first; empty for a scalar
	Range []int64 `json:"data_offsets"` // its first byte in the data, and the byte after its last
}

// Values returns the number of values.
func (t Tensor) Values() int64 { return (t.Range[1] - t.Range[0]) / sizes[t.DType] }

// File is an open file.
type File struct {
	header map[string]json.RawMessage // of each tensor
	data   *io.SectionReader
	file   *os.File
}

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
			err = hint.Wrap(fmt.Errorf("%s: damaged safetensors: %w", path, err),
				"get the file again: it is incomplete or changed")
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
func (f *File) Close() error { return f.file.Close() }

// Read reads the header of a file of size bytes.
func Read(r io.ReaderAt, size int64) (*File, error) {
	var length [8]byte
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), length[:]); err != nil {
		return nil, fmt.Errorf("%d bytes are too few", size)
	}
	n, rest := binary.LittleEndian.Uint64(length[:]), size-int64(len(length))
	if n > maxHeader || int64(n) > rest {
		return nil, fmt.Errorf("a header of %d bytes in a file of %d", n, size)
	}
	header := make([]byte, n)
	if _, err := r.ReadAt(header, int64(len(length))); err != nil && err != io.EOF {
		return nil, err
	}
	f := &File{data: io.NewSectionReader(r, int64(len(length))+int64(n), rest-int64(n))}
	if err := json.Unmarshal(header, &f.header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return f, nil
}

// Tensor returns the tensor called name, which must have one of types.
func (f *File) Tensor(name string, types ...DType) (Tensor, error) {
	text, ok := f.header[name]
	if !ok {
		return Tensor{}, fmt.Errorf("no tensor %q", name)
	}
	var t Tensor
	if err := json.Unmarshal(text, &t); err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	if !slices.Contains(types, t.DType) {
		return Tensor{}, fmt.Errorf("%s has dtype %s, not one of %v", name, t.DType, types)
	}
	if len(t.Range) != 2 || t.Range[0] < 0 || t.Range[0] > t.Range[1] || t.Range[1] > f.data.Size() {
		return Tensor{}, fmt.Errorf("%s has data_offsets %v in %d bytes of data: it is truncated or damaged", name, t.Range,
			f.data.Size())
	}
	size := sizes[t.DType]
	for _, n := range t.Shape {
		if n < 0 || n > 0 && size > math.MaxInt64/n {
			return Tensor{}, fmt.Errorf("%s has shape %v", name, t.Shape)
		}
		size *= n
	}
	if size != t.Range[1]-t.Range[0] {
		return Tensor{}, fmt.Errorf("%s has %d bytes of data for shape %v of %s, which takes %d", name,
			t.Range[1]-t.Range[0], t.Shape, t.DType, size)
	}
	return t, nil
}

// Floats reads len(dst) values, from index at on, of a tensor of type F32, F16 or BF16.
func (f *File) Floats(t Tensor, at int64, dst []float32) error {
	size := sizes[t.DType]
	raw := make([]byte, size*int64(len(dst)))
	if _, err := f.data.ReadAt(raw, t.Range[0]+size*at); err != nil {
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
		}
	}
	return nil
}

// Ints reads a tensor of type I64 or I32.
func (f *File) Ints(t Tensor) ([]int64, error) {
	raw := make([]byte, t.Range[1]-t.Range[0])
	if _, err := f.data.ReadAt(raw, t.Range[0]); err != nil {
		return nil, err
	}
	values := make([]int64, t.Values())
	for i := range values {
		if t.DType == I64 {
			values[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
		} else {
			values[i] = int64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		}
	}
	return values, nil
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
