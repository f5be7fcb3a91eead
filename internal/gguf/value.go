package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// ValueType is the type of a metadata value, as numbered in the file.
type ValueType uint32

// The types of metadata values.
const (
	Uint8 ValueType = iota
	Int8
	Uint16
	Int16
	Uint32
	Int32
	Float32
	Bool
	String
	Array
	Uint64
	Int64
	Float64
)

var valueTypes = [...]struct {
	name string
	size int // bytes; 0: varies
}{
	Uint8: {"u8", 1}, Int8: {"i8", 1}, Uint16: {"u16", 2}, Int16: {"i16", 2}, Uint32: {"u32", 4}, Int32: {"i32", 4},
	Float32: {"f32", 4}, Bool: {"bool", 1}, String: {"str", 0}, Array: {"arr", 0}, Uint64: {"u64", 8}, Int64: {"i64", 8},
	Float64: {"f64", 8},
}

// String returns ggml's name of the type, e.g. "u32".
func (t ValueType) String() string {
	if int(t) < len(valueTypes) {
		return valueTypes[t].name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// size returns the bytes of one value, 0 for strings, arrays and unknown types.
func (t ValueType) size() int64 {
	if int(t) < len(valueTypes) {
		return int64(valueTypes[t].size)
	}
	return 0
}

// KeyValue is one entry of the metadata. Its value stays in the file; the methods of File fetch it.
type KeyValue struct {
	Key   string
	Type  ValueType
	Elem  ValueType // element type of an array
	Count int64     // elements of an array, else 1

	start  int64 // file offset of the type, which follows the key
	value  int64 // file offset of the value: a string's characters, an array's first element
	end    int64 // file offset of the entry's end
	scalar [8]byte
}

// Kind returns the type, e.g. "u32" or "arr[u32]".
func (kv KeyValue) Kind() string {
	if kv.Type == Array {
		return "arr[" + kv.Elem.String() + "]"
	}
	return kv.Type.String()
}

func (kv KeyValue) uint() (uint64, bool) {
	u := binary.LittleEndian.Uint64(kv.scalar[:])
	switch kv.Type {
	case Uint8, Uint16, Uint32, Uint64:
		return u, true
	case Int8, Int16, Int32, Int64:
		return u, u>>(8*kv.Type.size()-1) == 0 // the sign
	}
	return 0, false
}

// NewValue is a metadata entry to be written. Make one with U32, F32, Flag, Str, U32s, I32s, F32s or Strs.
type NewValue struct {
	key  string
	data []byte // the type and the value, as in the file
}

// Key returns the key of the entry.
func (v NewValue) Key() string { return v.key }

// U32 returns an entry of type u32.
func U32(key string, v uint32) NewValue {
	return NewValue{key, binary.LittleEndian.AppendUint32(typed(Uint32), v)}
}

// U64 returns an entry of type u64.
func U64(key string, v uint64) NewValue {
	return NewValue{key, binary.LittleEndian.AppendUint64(typed(Uint64), v)}
}

// F32 returns an entry of type f32.
func F32(key string, v float32) NewValue {
	return NewValue{key, binary.LittleEndian.AppendUint32(typed(Float32), math.Float32bits(v))}
}

// Flag returns an entry of type bool.
func Flag(key string, v bool) NewValue {
	b := byte(0)
	if v {
		b = 1
	}
	return NewValue{key, append(typed(Bool), b)}
}

// Str returns an entry of type str.
func Str(key, v string) NewValue {
	return NewValue{key, appendString(typed(String), v)}
}

// U32s returns an entry of type arr[u32].
func U32s(key string, v []uint32) NewValue { return numbers(key, Uint32, v) }

// I32s returns an entry of type arr[i32].
func I32s(key string, v []int32) NewValue { return numbers(key, Int32, v) }

// F32s returns an entry of type arr[f32].
func F32s(key string, v []float32) NewValue { return numbers(key, Float32, v) }

func numbers[T Number](key string, elem ValueType, v []T) NewValue {
	data, _ := binary.Append(array(elem, len(v)), binary.LittleEndian, v) // has no error for slices of numbers
	return NewValue{key, data}
}

// Strs returns an entry of type arr[str].
func Strs(key string, v []string) NewValue {
	data := array(String, len(v))
	for _, s := range v {
		data = appendString(data, s)
	}
	return NewValue{key, data}
}

// array returns the type and the count of an array, with capacity for its n elements.
func array(elem ValueType, n int) []byte {
	data := append(make([]byte, 0, 16+elem.size()*int64(n)), typed(Array)...)
	data = binary.LittleEndian.AppendUint32(data, uint32(elem))
	return binary.LittleEndian.AppendUint64(data, uint64(n))
}

func typed(t ValueType) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(t)) }

func appendString(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}
