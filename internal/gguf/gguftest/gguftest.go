// Package gguftest writes sound and damaged GGUF files for tests. It shares no code with package gguf.
package gguftest

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// Numbers of the types of metadata values, from the specification of GGUF.
const (
	U8 uint32 = iota
	I8
	U16
	I16
	U32
	I32
	F32
	Bool
	Str
	Arr
	U64
	I64
	F64
)

// Numbers of the ggml types that tests use.
const (
	TypeF32  uint32 = 0
	TypeF16  uint32 = 1
	TypeQ4_0 uint32 = 2
	TypeQ8_0 uint32 = 8
	TypeQ6_K uint32 = 14
	TypeI8   uint32 = 24
)

// KV is a metadata entry. V makes consistent ones.
type KV struct {
	Key   string
	Type  uint32
	Value any // encoded by its Go type, which may contradict Type
}

// V returns an entry with the type that fits the Go type of value.
func V(key string, value any) KV { return KV{Key: key, Type: typeOf(value), Value: value} }

// Array is the value of an array. Its fields may contradict each other. A makes consistent ones.
type Array struct {
	Elem   uint32
	Count  uint64
	Values any
}

// A returns the array with the elements of a slice.
func A[T any](values []T) Array {
	var zero T
	return Array{Elem: typeOf(zero), Count: uint64(len(values)), Values: values}
}

var types = map[reflect.Kind]uint32{
	reflect.Uint8: U8, reflect.Int8: I8, reflect.Uint16: U16, reflect.Int16: I16, reflect.Uint32: U32, reflect.Int32: I32,
	reflect.Float32: F32, reflect.Bool: Bool, reflect.String: Str, reflect.Struct: Arr, // an Array
	reflect.Uint64: U64, reflect.Int64: I64, reflect.Float64: F64,
}

func typeOf(value any) uint32 {
	t, ok := types[reflect.TypeOf(value).Kind()]
	if !ok {
		panic("no GGUF type")
	}
	return t
}

// Tensor is a tensor with its data. Shape is innermost first.
type Tensor struct {
	Name  string
	Type  uint32
	Shape []uint64
	Data  []byte
}

// T returns a tensor.
func T(name string, typ uint32, data []byte, shape ...uint64) Tensor {
	return Tensor{Name: name, Type: typ, Shape: shape, Data: data}
}

// File is the content of a GGUF file. Version 0 means 3, Alignment 0 means 32.
type File struct {
	Version   uint32
	Alignment int // KVs need a matching general.alignment
	KVs       []KV
	Tensors   []Tensor
}

// Bytes returns the encoded file.
func (f File) Bytes() []byte {
	if f.Version == 0 {
		f.Version = 3
	}
	if f.Alignment == 0 {
		f.Alignment = 32
	}
	b := bytes.NewBufferString("GGUF")
	Put(b, f.Version, uint64(len(f.Tensors)), uint64(len(f.KVs)))
	for _, kv := range f.KVs {
		Put(b, kv.Key, kv.Type, kv.Value)
	}
	offset := 0
	for _, t := range f.Tensors {
		Put(b, t.Name, uint32(len(t.Shape)), t.Shape, t.Type, uint64(offset))
		offset += (len(t.Data) + f.Alignment - 1) / f.Alignment * f.Alignment
	}
	for _, t := range f.Tensors {
		pad(b, f.Alignment)
		b.Write(t.Data)
	}
	pad(b, f.Alignment)
	return b.Bytes()
}

func pad(b *bytes.Buffer, to int) {
	for b.Len()%to != 0 {
		b.WriteByte(0)
	}
}

// Put appends values as GGUF encodes them: strings with their length, other values as they are.
func Put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			binary.Write(b, binary.LittleEndian, uint64(len(v)))
			b.WriteString(v)
		case []string:
			for _, s := range v {
				Put(b, s)
			}
		case Array:
			Put(b, v.Elem, v.Count, v.Values)
		default:
			if err := binary.Write(b, binary.LittleEndian, v); err != nil {
				panic(err)
			}
		}
	}
}

// Random returns n bytes that depend on seed alone.
func Random(n int, seed uint64) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

// Floats returns n*4 bytes of F32 in -1..1 that depend on seed alone.
func Floats(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := new(bytes.Buffer)
	for range n {
		binary.Write(b, binary.LittleEndian, 2*r.Float32()-1)
	}
	return b.Bytes()
}

// Model returns the parts of a language model that a conversion reads: a tied F32 head of [vocab, width], one matrix
// and one vector of the body, and the tokenizer's keys.
func Model(vocab, width int) File {
	types := make([]int32, vocab)
	for i := range types {
		types[i] = 1
	}
	types[0], types[min(2, vocab-1)] = 3, 3
	return File{
		KVs: []KV{
			V("general.architecture", "llama"),
			V("llama.block_count", uint32(1)),
			V("tokenizer.ggml.bos_token_id", uint32(0)),
			V("tokenizer.ggml.eos_token_id", uint32(1)),
			V("tokenizer.ggml.token_type", A(types)),
		},
		Tensors: []Tensor{
			T("token_embd.weight", TypeF32, Floats(width*vocab, 1), uint64(width), uint64(vocab)),
			T("output_norm.weight", TypeF32, Floats(width, 2), uint64(width)),
			T("blk.0.ffn_up.weight", TypeF32, Floats(width*16, 3), uint64(width), 16),
		},
	}
}

// Split returns the model f in two files, as llama.cpp splits one. The second has the first tensor: Model's head.
func (f File) Split() []File {
	parts := []File{{KVs: f.KVs, Tensors: f.Tensors[1:]}, {Tensors: f.Tensors[:1]}}
	for i := range parts {
		parts[i].KVs = append(slices.Clone(parts[i].KVs), V("split.no", uint16(i)), V("split.count", uint16(2)),
			V("split.tensors.count", int32(len(f.Tensors))))
	}
	return parts
}

// Write writes data to a read-only file called name in a temporary folder and returns its path.
func Write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o444); err != nil {
		t.Fatal(err)
	}
	return path
}
