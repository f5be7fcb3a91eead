package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/vllm/safetensors"
)

// file returns a file with header and n zero bytes of data.
func file(header string, n int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, n)...)
}

// tensor reads the tensor a, which may have any type.
func tensor(data []byte) (*safetensors.File, safetensors.Tensor, error) {
	f, err := safetensors.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, safetensors.Tensor{}, err
	}
	t, err := f.Tensor("a", safetensors.F32, safetensors.F16, safetensors.BF16, safetensors.I32, safetensors.I64)
	return f, t, err
}

// The reference implementation wrote the file (safetensors 0.8.0, Python).
func TestReference(t *testing.T) {
	f, err := safetensors.Open("testdata/reference.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct {
		name  string
		dtype safetensors.DType
		want  []float32
	}{
		{"floats", safetensors.F32, []float32{1.5, -2, 0, 3.25, 1e-40, float32(math.Inf(1))}},
		{"halves", safetensors.F16, []float32{1.5, float32(math.Copysign(0, -1)), 65504, 1.0 / (1 << 24),
			float32(math.Inf(-1))}},
		{"brains", safetensors.BF16, []float32{1.5, -2}},
	} {
		tensor, err := f.Tensor(c.name, c.dtype)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, tensor.Values())
		if err := f.Floats(tensor, 0, got); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s = %v, %v", c.name, got, err)
		}
		if err := f.Floats(tensor, 1, got[:1]); err != nil || got[0] != c.want[1] {
			t.Errorf("the second of %s = %v, %v", c.name, got[0], err)
		}
	}
	for name, want := range map[string][]int64{"ints": {-1, 0, math.MaxInt32}, "longs": {math.MinInt64, 1 << 40}} {
		tensor, err := f.Tensor(name, safetensors.I32, safetensors.I64)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Ints(tensor); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s = %v, %v", name, got, err)
		}
	}
	if floats, err := f.Tensor("floats", safetensors.F32); err != nil || !slices.Equal(floats.Shape, []int64{2, 3}) {
		t.Errorf("floats: %+v, %v", floats, err)
	}
}

type defect struct {
	name string
	data []byte
	want string
}

// defects returns files whose tensor a must be refused, with a part of the expected message.
func defects() []defect {
	entry := func(fields string, n int) []byte { return file(`{"a":{`+fields+`}}`, n) }
	good := entry(`"dtype":"F32","shape":[2],"data_offsets":[0,8]`, 8)
	long := binary.LittleEndian.AppendUint64(nil, 100_000_001)
	return []defect{
		{"empty", nil, "0 bytes are too few"},
		{"length cut", good[:3], "3 bytes are too few"},
		{"header of 2^64", bytes.Repeat([]byte{255}, 64), "a header of 18446744073709551615 bytes"},
		{"header too long", append(long, '{'), "a header of 100000001 bytes"},
		{"header cut", good[:30], "in a file of 30"},
		{"no header", file("", 0), "header: unexpected end"},
		{"no JSON", file("{hello", 0), "header: invalid"},
		{"two objects", file("{}{}", 0), "header: invalid"},
		{"a list", file("[]", 0), "header: json: cannot unmarshal array"},
		{"no tensor", file("{}", 0), `no tensor "a"`},
		{"tensor a number", file(`{"a":1}`, 0), `tensor "a": json`},
		{"no dtype", entry(`"shape":[2],"data_offsets":[0,8]`, 8), "dtype"},
		{"other dtype", entry(`"dtype":"F64","shape":[1],"data_offsets":[0,8]`, 8), "a has dtype F64"},
		{"dtype a number", entry(`"dtype":4,"shape":[2],"data_offsets":[0,8]`, 8), "dtype"},
		{"no shape", entry(`"dtype":"F32","data_offsets":[0,8]`, 8), "shape []"},
		{"negative shape", entry(`"dtype":"F32","shape":[-2],"data_offsets":[0,8]`, 8), "shape [-2]"},
		{"two negatives", entry(`"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]`, 8), "shape [-1 -2]"},
		{"half a row", entry(`"dtype":"F32","shape":[1.5],"data_offsets":[0,6]`, 6), "shape"},
		{"shape of 2^63", entry(`"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]`, 8), "shape"},
		{"overflow", entry(`"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,0]`, 0), "shape"},
		{"no offsets", entry(`"dtype":"F32","shape":[2]`, 8), "data_offsets []"},
		{"one offset", entry(`"dtype":"F32","shape":[2],"data_offsets":[8]`, 8), "data_offsets [8]"},
		{"negative offset", entry(`"dtype":"F32","shape":[2],"data_offsets":[-8,0]`, 8), "data_offsets"},
		{"offsets turned", entry(`"dtype":"F32","shape":[2],"data_offsets":[8,0]`, 8), "data_offsets"},
		{"offset of 2^64", entry(`"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]`, 8), "data_offsets"},
		{"other size", entry(`"dtype":"F32","shape":[3],"data_offsets":[0,8]`, 8),
			"8 bytes of data for shape [3] of F32, which takes 12"},
		{"truncated", good[:len(good)-1], "data_offsets [0 8] in 7 bytes of data: it is truncated"},
	}
}

func TestDefects(t *testing.T) {
	for _, d := range defects() {
		if _, _, err := tensor(d.data); err == nil || !strings.Contains(err.Error(), d.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %q", d.name, err, d.want)
		}
	}
	if _, _, err := tensor(file(`{"__metadata__":{"format":"pt"},"x":{"dtype":"F4"},"a":{"dtype":"F16","shape":[2,1],`+
		`"data_offsets":[3,7],"more":{}}}  `, 9)); err != nil {
		t.Error(err)
	}
}

// Reading must not panic, allocate without bound, or accept a tensor outside the file.
func FuzzRead(f *testing.F) {
	for _, d := range defects() {
		f.Add(d.data)
	}
	f.Add(file(`{"a":{"dtype":"I32","shape":[2,1],"data_offsets":[0,8]}}`, 8))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, tensor, err := tensor(data)
		if err != nil {
			return
		}
		n := tensor.Values()
		if n > int64(len(data)) {
			t.Fatalf("%d values in a file of %d bytes", n, len(data))
		}
		file.Floats(tensor, 0, make([]float32, n))
		file.Ints(tensor)
	})
}
