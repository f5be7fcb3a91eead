package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/vllm/safetensors"
)

// file returns a file with header and n zero bytes of data.
func file(header string, n int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, n)...)
}

func read(data []byte) (*safetensors.File, error) {
	return safetensors.Read(bytes.NewReader(data), int64(len(data)))
}

// The reference implementation wrote the file (safetensors 0.8.0, Python).
func TestReference(t *testing.T) {
	f, err := safetensors.Open("testdata/reference.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.Tensors) != 7 {
		t.Errorf("%d tensors", len(f.Tensors))
	}
	for name, want := range map[string][]float32{
		"floats": {1.5, -2, 0, 3.25, 1e-40, float32(math.Inf(1))},
		"halves": {1.5, float32(math.Copysign(0, -1)), 65504, 1.0 / (1 << 24), float32(math.Inf(-1))},
		"brains": {1.5, -2},
	} {
		tensor, ok := f.Tensor(name)
		got := make([]float32, tensor.Values())
		if err := f.Floats(tensor, 0, got); !ok || err != nil || !slices.Equal(got, want) {
			t.Errorf("%s = %v, %v, %v", name, got, ok, err)
		}
		if err := f.Floats(tensor, 1, got[:1]); err != nil || got[0] != want[1] {
			t.Errorf("the second of %s = %v, %v", name, got[0], err)
		}
	}
	for name, want := range map[string][]int64{"ints": {-1, 0, math.MaxInt32}, "longs": {math.MinInt64, 1 << 40}} {
		tensor, ok := f.Tensor(name)
		got := make([]int64, tensor.Values())
		if err := f.Ints(tensor, 0, got); !ok || err != nil || !slices.Equal(got, want) {
			t.Errorf("%s = %v, %v, %v", name, got, ok, err)
		}
		if err := f.Floats(tensor, 0, make([]float32, 1)); err == nil {
			t.Errorf("%s reads as floats", name)
		}
	}
	if floats, _ := f.Tensor("floats"); f.Ints(floats, 0, make([]int64, 1)) == nil ||
		!slices.Equal(floats.Shape, []int64{2, 3}) {
		t.Errorf("floats read as ints, or have shape %v", floats.Shape)
	}
	if one, ok := f.Tensor("one"); !ok || one.Values() != 1 || len(one.Shape) != 0 {
		t.Errorf("one is %+v", one)
	}
	if none, ok := f.Tensor("none"); !ok || none.Values() != 0 {
		t.Errorf("none is %+v", none)
	}
	if _, ok := f.Tensor("floats "); ok {
		t.Error("an absent tensor was found")
	}
}

// All half-precision numbers agree with the definition.
func TestHalves(t *testing.T) {
	data := file(`{"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}`, 131072)
	for i := range 65536 {
		binary.LittleEndian.PutUint16(data[len(data)-131072+2*i:], uint16(i))
	}
	f, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 65536)
	if err := f.Floats(f.Tensors[0], 0, got); err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		exponent, fraction := i>>10&31, float64(i&1023)/1024
		want := math.Ldexp(1+fraction, exponent-15)
		switch {
		case exponent == 0:
			want = math.Ldexp(fraction, -14)
		case exponent == 31 && fraction == 0:
			want = math.Inf(1)
		case exponent == 31:
			if v == v {
				t.Fatalf("%#x is %v, not NaN", i, v)
			}
			continue
		}
		if i>>15 == 1 {
			want = -want
		}
		if float64(v) != want {
			t.Fatalf("%#x is %v, want %v", i, v, want)
		}
	}
}

type defect struct {
	name string
	data []byte
	want string
}

// defects returns files that must be refused, with a part of the expected message.
func defects() []defect {
	tensor := func(fields string) string { return `{"a":{` + fields + `}}` }
	good := tensor(`"dtype":"F32","shape":[2],"data_offsets":[0,8]`)
	two := func(a, b string) string {
		return `{"a":{"dtype":"U8","shape":[4],"data_offsets":[` + a + `]},` +
			`"b":{"dtype":"U8","shape":[4],"data_offsets":[` + b + `]}}`
	}
	long := binary.LittleEndian.AppendUint64(nil, safetensors.MaxHeader+1)
	return []defect{
		{"empty", nil, "0 bytes are too few"},
		{"length cut", []byte{8, 0, 0}, "3 bytes are too few"},
		{"header of 2^64", bytes.Repeat([]byte{255}, 64), "longer than 100000000"},
		{"header too long", append(long, '{'), "a header of 100000001 bytes is longer"},
		{"header cut", file(good, 0)[:30], "in a file of 30"},
		{"no header", file("", 0), "does not begin with {"},
		{"space first", file(" "+good, 8), "does not begin with {"},
		{"no JSON", file("{hello", 0), "header: invalid"},
		{"not UTF-8", file("{\"\xff\":1}", 0), "not UTF-8"},
		{"two objects", file(good+"{}", 8), "something follows"},
		{"duplicate name", file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`+
			`"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0), `"a" appears twice`},
		{"duplicate field", file(tensor(`"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]`), 8),
			`"shape" appears twice`},
		{"tensor a number", file(`{"a":1}`, 0), `tensor "a": it is not a JSON object`},
		{"no dtype", file(tensor(`"shape":[2],"data_offsets":[0,8]`), 8), "no dtype"},
		{"wrong dtype", file(tensor(`"dtype":"Q4","shape":[2],"data_offsets":[0,8]`), 8), `unknown dtype "Q4"`},
		{"dtype a number", file(tensor(`"dtype":4,"shape":[2],"data_offsets":[0,8]`), 8), "no dtype"},
		{"no shape", file(tensor(`"dtype":"F32","data_offsets":[0,8]`), 8), "shape:"},
		{"shape null", file(tensor(`"dtype":"U8","shape":null,"data_offsets":[0,1]`), 1), "shape:"},
		{"shape of null", file(tensor(`"dtype":"U8","shape":[null],"data_offsets":[0,0]`), 0), "negative number or null"},
		{"negative shape", file(tensor(`"dtype":"F32","shape":[-2],"data_offsets":[0,8]`), 8), "negative number"},
		{"two negatives", file(tensor(`"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]`), 8), "negative number"},
		{"half a row", file(tensor(`"dtype":"F32","shape":[1.5],"data_offsets":[0,6]`), 6), "not a list of integers"},
		{"shape of 2^63", file(tensor(`"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,8]`), 8),
			"not a list of integers"},
		{"overflow", file(tensor(`"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,0]`), 0), "too large"},
		{"overflow times 0", file(tensor(`"dtype":"F32","shape":[4611686018427387904,4,0],"data_offsets":[0,0]`), 0),
			"too large"},
		{"half a byte", file(tensor(`"dtype":"F4","shape":[3],"data_offsets":[0,1]`), 1), "does not fill whole bytes"},
		{"no offsets", file(tensor(`"dtype":"F32","shape":[2]`), 8), "data_offsets"},
		{"one offset", file(tensor(`"dtype":"F32","shape":[2],"data_offsets":[8]`), 8), "data_offsets [8] are not"},
		{"negative offset", file(tensor(`"dtype":"F32","shape":[2],"data_offsets":[-8,0]`), 8), "data_offsets"},
		{"offsets turned", file(tensor(`"dtype":"F32","shape":[2],"data_offsets":[8,0]`), 8), "data_offsets"},
		{"offset of 2^64", file(tensor(`"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]`), 8),
			"data_offsets"},
		{"size other than shape", file(tensor(`"dtype":"F32","shape":[3],"data_offsets":[0,8]`), 8),
			"8 bytes of data for shape [3] of F32, which takes 12"},
		{"overlap", file(two("0,4", "2,6"), 6), `tensor "b" begins at 2, not at 4`},
		{"same data", file(two("0,4", "0,4"), 4), "begins at 0, not at 4"},
		{"hole", file(two("0,4", "5,9"), 9), `tensor "b" begins at 5, not at 4`},
		{"hole at first", file(two("1,5", "5,9"), 9), `tensor "a" begins at 1, not at 0`},
		{"truncated", file(two("0,4", "4,8"), 7), "truncated"},
		{"more data", file(two("0,4", "4,8"), 9), "have 8 bytes of data, the file has 9"},
		{"metadata a number", file(`{"__metadata__":{"a":1}}`, 0), "map of strings"},
		{"metadata null", file(`{"__metadata__":{"a":null}}`, 0), "map of strings"},
	}
}

func TestDefects(t *testing.T) {
	for _, d := range defects() {
		if _, err := read(d.data); err == nil || !strings.Contains(err.Error(), d.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %q", d.name, err, d.want)
		}
	}
	for _, good := range [][]byte{file("{}", 0), file("{}  ", 0),
		file(`{"__metadata__":{"format":"pt"},"x":{"dtype":"F4","shape":[2],"data_offsets":[0,1],"more":{}}}`, 1)} {
		if _, err := read(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{filepath.Join(dir, "none"): "no such file", dir: "is not a file",
		bad: "too few"} {
		if _, err := safetensors.Open(path); err == nil || !strings.Contains(err.Error(), want) || hint.Of(err) == "" {
			t.Errorf("%s: %v, hint %q", path, err, hint.Of(err))
		}
	}
}
