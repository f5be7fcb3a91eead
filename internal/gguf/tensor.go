package gguf

import (
	"fmt"
	"math/bits"
	"strings"
)

// TensorType is a ggml_type.
type TensorType uint32

// tensorType describes how ggml stores a type. Source: the block structs in ggml-common.h.
type tensorType struct {
	name    string
	block   int64 // values in a block
	bytes   int64 // bytes of a block
	fromF32 bool  // ggml can quantize to it without an importance matrix
}

var tensorTypes = map[TensorType]tensorType{
	0:  {name: "f32", block: 1, bytes: 4, fromF32: true},
	1:  {name: "f16", block: 1, bytes: 2, fromF32: true},
	2:  {name: "q4_0", block: 32, bytes: 18, fromF32: true},
	3:  {name: "q4_1", block: 32, bytes: 20, fromF32: true},
	6:  {name: "q5_0", block: 32, bytes: 22, fromF32: true},
	7:  {name: "q5_1", block: 32, bytes: 24, fromF32: true},
	8:  {name: "q8_0", block: 32, bytes: 34, fromF32: true},
	9:  {name: "q8_1", block: 32, bytes: 36},
	10: {name: "q2_K", block: 256, bytes: 84, fromF32: true},
	11: {name: "q3_K", block: 256, bytes: 110, fromF32: true},
	12: {name: "q4_K", block: 256, bytes: 144, fromF32: true},
	13: {name: "q5_K", block: 256, bytes: 176, fromF32: true},
	14: {name: "q6_K", block: 256, bytes: 210, fromF32: true},
	15: {name: "q8_K", block: 256, bytes: 292},
	16: {name: "iq2_xxs", block: 256, bytes: 66},
	17: {name: "iq2_xs", block: 256, bytes: 74},
	18: {name: "iq3_xxs", block: 256, bytes: 98, fromF32: true},
	19: {name: "iq1_s", block: 256, bytes: 50},
	20: {name: "iq4_nl", block: 32, bytes: 18, fromF32: true},
	21: {name: "iq3_s", block: 256, bytes: 110, fromF32: true},
	22: {name: "iq2_s", block: 256, bytes: 82, fromF32: true},
	23: {name: "iq4_xs", block: 256, bytes: 136, fromF32: true},
	24: {name: "i8", block: 1, bytes: 1},
	25: {name: "i16", block: 1, bytes: 2},
	26: {name: "i32", block: 1, bytes: 4},
	27: {name: "i64", block: 1, bytes: 8},
	28: {name: "f64", block: 1, bytes: 8},
	29: {name: "iq1_m", block: 256, bytes: 56},
	30: {name: "bf16", block: 1, bytes: 2, fromF32: true},
	34: {name: "tq1_0", block: 256, bytes: 54, fromF32: true},
	35: {name: "tq2_0", block: 256, bytes: 66, fromF32: true},
	39: {name: "mxfp4", block: 32, bytes: 17, fromF32: true},
	40: {name: "nvfp4", block: 64, bytes: 36, fromF32: true},
	41: {name: "q1_0", block: 128, bytes: 18, fromF32: true},
	42: {name: "q2_0", block: 64, bytes: 18, fromF32: true},
}

// String returns ggml's name of the type, e.g. "q4_K".
func (t TensorType) String() string {
	if d, ok := tensorTypes[t]; ok {
		return d.name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// ParseTensorType finds a type by ggml's name, in any case.
func ParseTensorType(name string) (TensorType, bool) {
	for t, d := range tensorTypes {
		if strings.EqualFold(d.name, name) {
			return t, true
		}
	}
	return 0, false
}

// Quantizable reports whether ggml can quantize to the type without an importance matrix.
func (t TensorType) Quantizable() bool { return tensorTypes[t].fromF32 }

// Block returns the values in a block; row lengths are multiples of it. It is 0 for an unknown type.
func (t TensorType) Block() int64 { return tensorTypes[t].block }

// RowBytes returns the bytes of a row of n values. n must be a multiple of Block. It is 0 for an unknown type.
func (t TensorType) RowBytes(n int64) int64 {
	d, ok := tensorTypes[t]
	if !ok {
		return 0
	}
	return n / d.block * d.bytes
}

// Tensor describes one tensor; its data stays in the file.
type Tensor struct {
	Name   string
	Type   TensorType
	Shape  []int64 // innermost (row length) first, as in the file
	Offset int64   // bytes from the start of the tensor data
	Bytes  int64
}

// Columns returns the length of a row.
func (t Tensor) Columns() int64 {
	if len(t.Shape) == 0 {
		return 1
	}
	return t.Shape[0]
}

// Rows returns the number of rows.
func (t Tensor) Rows() int64 {
	rows := int64(1)
	for _, n := range t.Shape[min(1, len(t.Shape)):] {
		rows *= n
	}
	return rows
}

// tensorBytes returns the size of a tensor. Its errors begin with a verb, for the caller to put the name before.
func tensorBytes(t TensorType, shape []int64) (int64, error) {
	d, ok := tensorTypes[t]
	if !ok && t <= maxForeign {
		return 0, foreignType(t)
	}
	if !ok {
		return 0, fmt.Errorf("has the unknown type %d", uint32(t))
	}
	n := uint64(1)
	for _, dim := range shape {
		if dim < 0 {
			return 0, fmt.Errorf("has a dimension of %d", dim)
		}
		hi, lo := bits.Mul64(n, uint64(dim))
		if hi != 0 || lo > 1<<60 {
			return 0, fmt.Errorf("has too many values")
		}
		n = lo
	}
	if len(shape) > 0 && shape[0]%d.block != 0 || len(shape) == 0 && d.block != 1 {
		return 0, fmt.Errorf("has rows that are not a multiple of %d, the block of %s", d.block, d.name)
	}
	hi, lo := bits.Mul64(n/uint64(d.block), uint64(d.bytes))
	if hi != 0 || lo > 1<<62 {
		return 0, fmt.Errorf("has too many bytes")
	}
	return int64(lo), nil
}

// foreignType is the error of a tensor type that Ollama's llama.cpp does not know. Such a file is not damaged.
type foreignType TensorType

// maxForeign is the largest number that forks use. A larger one means damage.
const maxForeign = 511

// Error implements error.
func (t foreignType) Error() string {
	return fmt.Sprintf("has type %d, which Ollama's llama.cpp does not know", uint32(t))
}
