package gguf_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
)

// everyKind has a value and an array of every type.
func everyKind() []gguftest.KV {
	return []gguftest.KV{
		gguftest.V("general.architecture", "llama"),
		gguftest.V("u8", uint8(250)),
		gguftest.V("i8", int8(-5)),
		gguftest.V("u16", uint16(65000)),
		gguftest.V("i16", int16(-500)),
		gguftest.V("u32", uint32(4e9)),
		gguftest.V("i32", int32(-50000)),
		gguftest.V("f32", float32(1.5)),
		gguftest.V("bool", true),
		gguftest.V("str", "ß\x00end"),
		gguftest.V("empty", ""),
		gguftest.V("u64", uint64(1<<63)),
		gguftest.V("i64", int64(-1<<40)),
		gguftest.V("f64", math.Pi),
		gguftest.V("flashhead.version", uint32(1)),
		gguftest.V("arr.u8", gguftest.A([]uint8{1, 2, 3})),
		gguftest.V("arr.i8", gguftest.A([]int8{-1})),
		gguftest.V("arr.u16", gguftest.A([]uint16{1, 2})),
		gguftest.V("arr.i16", gguftest.A([]int16{-3})),
		gguftest.V("arr.u32", gguftest.A([]uint32{1, 2, 3, 4})),
		gguftest.V("arr.i32", gguftest.A([]int32{-1, 7})),
		gguftest.V("arr.f32", gguftest.A([]float32{0.5, -2})),
		gguftest.V("arr.bool", gguftest.A([]bool{true, false})),
		gguftest.V("arr.str", gguftest.A([]string{"a", "", "long enough"})),
		gguftest.V("arr.none", gguftest.A([]string{})),
		gguftest.V("arr.u64", gguftest.A([]uint64{9})),
		gguftest.V("arr.i64", gguftest.A([]int64{-9})),
		gguftest.V("arr.f64", gguftest.A([]float64{2.5})),
	}
}

func tensors() []gguftest.Tensor {
	return []gguftest.Tensor{
		gguftest.T("token_embd.weight", gguftest.TypeQ8_0, gguftest.Random(5*2*34, 1), 64, 5),
		gguftest.T("odd", gguftest.TypeI8, gguftest.Random(21, 2), 7, 1, 3),
		gguftest.T("scalar", gguftest.TypeF32, gguftest.Random(4, 3)),
		gguftest.T("big", gguftest.TypeQ6_K, gguftest.Random(12*2*210, 4), 512, 3, 2, 2),
		gguftest.T("last", gguftest.TypeF16, gguftest.Random(6, 5), 3),
	}
}

// Rewrite must produce the same bytes as gguftest writes for the expected content.
func TestRewriteRoundTrip(t *testing.T) {
	for name, c := range map[string]struct {
		version   uint32
		alignment int
	}{"version 3": {3, 32}, "version 2": {2, 32}, "alignment 8": {3, 8}, "alignment 4096": {3, 4096}} {
		t.Run(name, func(t *testing.T) {
			in := gguftest.File{Version: c.version, Alignment: c.alignment, KVs: everyKind(), Tensors: tensors()}
			if c.alignment != 32 {
				in.KVs = append(in.KVs, gguftest.V("general.alignment", uint32(c.alignment)))
			}
			source := in.Bytes()
			path := gguftest.Write(t, "in.gguf", source)

			want := in
			want.KVs = slices.DeleteFunc(slices.Clone(in.KVs),
				func(kv gguftest.KV) bool { return strings.HasPrefix(kv.Key, "flashhead.") })
			want.KVs = append(want.KVs,
				gguftest.V("flashhead.a", uint32(7)),
				gguftest.V("flashhead.b", "text"),
				gguftest.V("flashhead.c", float32(-0.25)),
				gguftest.V("flashhead.d", gguftest.A([]uint32{3, 2, 1})),
				gguftest.V("flashhead.e", true),
				gguftest.V("flashhead.f", false),
				gguftest.V("flashhead.g", gguftest.A([]float32{1.5, -2e-30})))

			got := rewrite(t, path, gguf.U32("flashhead.a", 7), gguf.Str("flashhead.b", "text"), gguf.F32("flashhead.c", -0.25),
				gguf.U32s("flashhead.d", []uint32{3, 2, 1}), gguf.Flag("flashhead.e", true), gguf.Flag("flashhead.f", false),
				gguf.F32s("flashhead.g", []float32{1.5, -2e-30}))
			if !bytes.Equal(got, want.Bytes()) {
				t.Errorf("the rewritten file has %d bytes and differs from the expected %d", len(got), len(want.Bytes()))
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, source) {
				t.Errorf("the source changed: %v", err)
			}
		})
	}
}

// rewrite rewrites the file at path without its flashhead keys and with add.
func rewrite(t *testing.T, path string, add ...gguf.NewValue) []byte {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := os.Create(filepath.Join(t.TempDir(), "out.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var last, total int64
	err = f.Rewrite(out, func(key string) bool { return strings.HasPrefix(key, "flashhead.") }, add,
		func(d, n int64) error { last, total = d, n; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if last != total || total != f.Size-f.DataStart {
		t.Errorf("reported %d of %d bytes at the end, the tensor data has %d", last, total, f.Size-f.DataStart)
	}
	data, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestReadValues(t *testing.T) {
	data := gguftest.File{KVs: everyKind(), Tensors: tensors()}.Bytes()
	f, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]uint64{"u8": 250, "u16": 65000, "u32": 4e9, "u64": 1 << 63} {
		if got, ok := f.Uint(key); !ok || got != want {
			t.Errorf("%s = %d, %v, want %d", key, got, ok, want)
		}
	}
	for _, key := range []string{"i8", "i16", "i32", "i64", "f32", "str", "bool", "arr.u32", "missing"} {
		if got, ok := f.Uint(key); ok {
			t.Errorf("%s reads as %d", key, got)
		}
	}
	if got, _ := f.Float("f32"); got != 1.5 {
		t.Errorf("f32 = %v", got)
	}
	if got, _ := f.Float("f64"); got != math.Pi {
		t.Errorf("f64 = %v", got)
	}
	if got, ok := f.Flag("bool"); !ok || !got {
		t.Errorf("bool = %v, %v", got, ok)
	}
	for _, key := range []string{"u8", "str", "missing"} {
		if got, ok := f.Flag(key); ok || got {
			t.Errorf("%s reads as the bool %v", key, got)
		}
	}
	if got, ok := f.Str("str"); !ok || got != "ß\x00end" {
		t.Errorf("str = %q, %v", got, ok)
	}
	if got, err := gguf.Numbers[int32](f, "arr.i32"); err != nil || !slices.Equal(got, []int32{-1, 7}) {
		t.Errorf("arr.i32 = %v, %v", got, err)
	}
	if got, err := gguf.Numbers[float32](f, "arr.f32"); err != nil || !slices.Equal(got, []float32{0.5, -2}) {
		t.Errorf("arr.f32 = %v, %v", got, err)
	}
	for _, key := range []string{"arr.f32", "arr.u64", "arr.str", "u32", "missing"} {
		if got, err := gguf.Numbers[uint32](f, key); err == nil {
			t.Errorf("%s reads as u32s: %v", key, got)
		}
	}
	var texts []string
	err = gguf.EachString(f, "arr.str", func(i int64, text []byte) {
		texts = append(texts, strconv.Itoa(int(i))+string(text))
	})
	if err != nil || !slices.Equal(texts, []string{"0a", "1", "2long enough"}) {
		t.Errorf("arr.str = %q, %v", texts, err)
	}
	for _, key := range []string{"arr.u32", "str", "missing"} {
		if err := gguf.EachString(f, key, func(int64, []byte) {}); err == nil {
			t.Errorf("%s reads as strings", key)
		}
	}
	for _, want := range tensors() {
		tensor, ok := f.Tensor(want.Name)
		got := make([]byte, tensor.Bytes)
		if _, err := f.Data(tensor).ReadAt(got, 0); !ok || err != nil || !bytes.Equal(got, want.Data) {
			t.Errorf("tensor %s: %v, %v, %d bytes", want.Name, ok, err, len(got))
		}
	}
}

// defects returns files that must be refused, with a part of the expected message.
func defects() map[string]struct {
	data []byte
	want string
} {
	type defect = struct {
		data []byte
		want string
	}
	header := func(version uint32, tensors, keys uint64, rest ...any) []byte {
		b := bytes.NewBufferString("GGUF")
		gguftest.Put(b, version, tensors, keys)
		gguftest.Put(b, rest...)
		b.Write(make([]byte, 200))
		return b.Bytes()
	}
	tensor := func(typ uint32, offset uint64, shape ...uint64) []byte {
		return header(3, 1, 0, "t", uint32(len(shape)), shape, typ, offset)
	}
	key := func(typ uint32, value any) []byte { return header(3, 0, 1, "k", typ, value) }
	arr := func(elem uint32, count uint64) []byte {
		return key(gguftest.Arr, gguftest.Array{Elem: elem, Count: count, Values: []byte{}})
	}
	alignment := func(typ uint32, n any) []byte {
		return gguftest.File{KVs: []gguftest.KV{{Key: "general.alignment", Type: typ, Value: n}}}.Bytes()
	}
	max := uint64(math.MaxUint64)
	return map[string]defect{
		"empty":                {nil, "not a GGUF"},
		"other file":           {[]byte("#!/bin/sh\necho no model\n"), "not a GGUF"},
		"magic alone":          {[]byte("GGUF"), "too early"},
		"24 bytes, one key":    {header(3, 0, 1)[:24], "keys, more than fit"},
		"24 bytes, one tensor": {header(3, 1, 0)[:24], "tensors, more than fit"},
		"half a count":         {header(3, 0, 0)[:20], "too early"},
		"version 0":            {header(0, 0, 0), "version 0 is not supported"},
		"version 1":            {header(1, 0, 0), "version 1 is not supported"},
		"version 4":            {header(4, 0, 0), "version 4 is not supported"},
		"big endian":           {header(3<<24, 0, 0), "big-endian"},
		"endless keys":         {header(3, 0, max), "keys, more than fit"},
		"endless tensors":      {header(3, max, 0), "tensors, more than fit"},
		"many keys":            {header(3, 0, 1000), "keys, more than fit"},
		"empty key":            {header(3, 0, 1, "", uint32(gguftest.U8), uint8(1)), "key is empty"},
		"endless key":          {header(3, 0, 1, max), "longer than"},
		"key beyond the end":   {header(3, 0, 1, uint64(5000)), "too early"},
		"unknown value":        {key(13, uint8(0)), "unknown type 13"},
		"endless string":       {key(gguftest.Str, max), "too early"},
		"endless array":        {arr(gguftest.U32, max), "more than fit"},
		"overflowing array":    {arr(gguftest.U64, max/8+2), "more than fit"},
		"endless strings":      {arr(gguftest.Str, max), "more than fit"},
		"string in array":      {key(gguftest.Arr, gguftest.Array{Elem: gguftest.Str, Count: 1, Values: max}), "too early"},
		"array of arrays":      {arr(gguftest.Arr, 1), "array of arrays"},
		"array of unknown":     {arr(99, 1), "unknown type 99"},
		"key twice": {gguftest.File{KVs: []gguftest.KV{gguftest.V("k", uint8(1)), gguftest.V("k", uint8(1))}}.Bytes(),
			`"k" appears twice`},
		"key of 64 KiB": {gguftest.File{KVs: []gguftest.KV{gguftest.V(strings.Repeat("k", 1<<16), uint8(1))}}.Bytes(),
			"longer than"},
		"tensor name of 64 KiB": {gguftest.File{Tensors: []gguftest.Tensor{gguftest.T(strings.Repeat("t", 1<<16),
			gguftest.TypeI8, []byte{1}, 1)}}.Bytes(), "longer than"},
		"string wraps around":   {key(gguftest.Str, max-7), "too early"},
		"array of i8 too long":  {arr(gguftest.I8, 1<<40), "more than fit"},
		"alignment 0":           {alignment(gguftest.U32, uint32(0)), "power of two"},
		"alignment 4":           {alignment(gguftest.U32, uint32(4)), "power of two"},
		"alignment 48":          {alignment(gguftest.U32, uint32(48)), "power of two"},
		"alignment huge":        {alignment(gguftest.U32, uint32(1<<31)), "power of two"},
		"alignment of u64":      {alignment(gguftest.U64, uint64(32)), "power of two"},
		"five dimensions":       {tensor(0, 0, 1, 1, 1, 1, 1), "5 dimensions"},
		"endless dimensions":    {header(3, 1, 0, "t", uint32(math.MaxUint32)), "dimensions"},
		"negative dimension":    {tensor(0, 0, max), "dimension"},
		"overflowing shape":     {tensor(0, 0, 1<<32, 1<<32), "too many values"},
		"overflowing to zero":   {tensor(0, 0, 1<<61, 8), "too many values"},
		"unknown tensor type":   {tensor(77, 0, 32), "has type 77, which Ollama's llama.cpp does not know"},
		"removed tensor type":   {tensor(4, 0, 32), "has type 4, which"},
		"type of a fork":        {tensor(139, 0, 32), "which is for a fork or another version of llama.cpp"},
		"no tensor type":        {tensor(1<<30, 0, 32), "unknown type 1073741824"},
		"row no multiple":       {tensor(gguftest.TypeQ8_0, 0, 33), "multiple of 32"},
		"scalar of blocks":      {tensor(gguftest.TypeQ8_0, 0), "multiple of 32"},
		"data beyond the end":   {tensor(0, 0, 1000), "too early"},
		"offset beyond the end": {tensor(0, 1<<40, 1), "after the end"},
		"offset overflows":      {tensor(0, max-31, 1), "after the end"},
		"offset not aligned":    {tensor(0, 16, 1), "not aligned"},
		"tensor twice": {gguftest.File{Tensors: []gguftest.Tensor{
			gguftest.T("t", gguftest.TypeI8, []byte{1}, 1), gguftest.T("t", gguftest.TypeI8, []byte{1}, 1)}}.Bytes(),
			`"t" appears twice`},
	}
}

func TestDefects(t *testing.T) {
	for name, d := range defects() {
		t.Run(name, func(t *testing.T) {
			_, err := gguf.Open(gguftest.Write(t, "in.gguf", d.data))
			hinttest.Check(t, err, d.want)
		})
	}
}

// No proper prefix of a file may be accepted.
func TestTruncated(t *testing.T) {
	data := gguftest.File{KVs: everyKind(), Tensors: tensors()}.Bytes()
	whole, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	last := whole.Tensors[len(whole.Tensors)-1]
	end := int(whole.DataStart + last.Offset + last.Bytes)
	if _, err := gguf.Read(bytes.NewReader(data[:end]), int64(end)); err != nil {
		t.Errorf("without the padding after the last tensor: %v", err)
	}
	for n := range end {
		if _, err := gguf.Read(bytes.NewReader(data[:n]), int64(n)); err == nil {
			t.Fatalf("%d of %d bytes were read as a file", n, end)
		}
	}
}

// Whatever a file claims or holds, reading it allocates at most a multiple of its size.
func TestMemory(t *testing.T) {
	files := map[string][]byte{}
	for name, d := range defects() {
		files[name] = d.data
	}
	var many gguftest.File
	for i := range 1 << 16 {
		many.KVs = append(many.KVs, gguftest.V(strconv.Itoa(i), uint8(i)))
	}
	files["many keys"] = many.Bytes()
	many = gguftest.File{}
	for i := range 1 << 15 {
		many.Tensors = append(many.Tensors, gguftest.T(strconv.Itoa(i), gguftest.TypeI8, nil, 0))
	}
	files["many tensors"] = many.Bytes()
	files["long values"] = gguftest.File{KVs: []gguftest.KV{
		gguftest.V("s", strings.Repeat("s", 1<<20)), gguftest.V("u", gguftest.A(make([]uint32, 1<<18))), gguftest.V("e",
			gguftest.A(make([]string, 1<<17)))}}.Bytes()
	for name, data := range files {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if file, err := gguf.Read(bytes.NewReader(data), int64(len(data))); err == nil {
				for _, kv := range file.Keys {
					file.Str(kv.Key)
					gguf.Numbers[uint32](file, kv.Key)
				}
			}
			runtime.ReadMemStats(&after)
			if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(64*len(data)+1<<20); got > limit {
				t.Errorf("%d bytes were allocated for a file of %d", got, len(data))
			}
		})
	}
}

func TestTensorTypes(t *testing.T) {
	seen := map[string]bool{}
	for n := gguf.TensorType(0); n < 64; n++ {
		if n.Block() == 0 {
			continue
		}
		name := n.String()
		if seen[name] {
			t.Errorf("%s appears twice", name)
		}
		seen[name] = true
		if back, ok := gguf.ParseTensorType(strings.ToUpper(name)); !ok || back != n {
			t.Errorf("%s parses as %v", name, back)
		}
		if n.RowBytes(2*n.Block()) != 2*n.RowBytes(n.Block()) || n.RowBytes(n.Block()) < 1 {
			t.Errorf("%s has odd sizes", name)
		}
	}
	if len(seen) != 35 {
		t.Errorf("%d types, the pinned ggml has 35 (GGML_TYPE_COUNT 43 less 8 removed)", len(seen))
	}
}

// Impossible shapes are errors.
func TestContentWrong(t *testing.T) {
	c := gguf.Content{Tensors: []gguf.Tensor{{Name: "a", Type: 2, Shape: []int64{33}}}}
	const want = `tensor "a" has rows that are not a multiple of 32`
	if _, err := c.Place(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

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
			gguf.EachString(file, kv.Key, func(int64, []byte) {})
		}
		for _, tensor := range file.Tensors {
			if file.DataStart+tensor.Offset+tensor.Bytes > file.Size {
				t.Errorf("tensor %q lies outside the file", tensor.Name)
			}
		}
	})
}
