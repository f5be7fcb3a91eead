package gguf

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestContent(t *testing.T) {
	c := Content{
		Keys: []NewValue{Str("general.architecture", "llama"), Strs("words", []string{"a", "", "ccc"}),
			I32s("types", []int32{-1, 2}), U32("n", 7)},
		Tensors: []Tensor{
			{Name: "a", Type: 0, Shape: []int64{3}},
			{Name: "b", Type: 2, Shape: []int64{64, 5}},
		},
	}
	size, err := c.Place()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = c.Write(&b, func(w io.Writer, t Tensor) error {
		_, err := w.Write(bytes.Repeat([]byte(t.Name), int(t.Bytes)))
		return err
	})
	if err != nil || int64(b.Len()) != int64(len(c.Header()))+size {
		t.Fatalf("%d bytes, %v", b.Len(), err)
	}
	f, err := Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Tensors) != 2 || f.Tensors[1].Offset != 32 || f.Tensors[1].Bytes != 5*2*18 ||
		!slices.Equal(f.Tensors[1].Shape, []int64{64, 5}) {
		t.Errorf("tensors %+v", f.Tensors)
	}
	for _, tensor := range f.Tensors {
		data, err := io.ReadAll(f.Data(tensor))
		if err != nil || string(data) != strings.Repeat(tensor.Name, int(tensor.Bytes)) {
			t.Errorf("%s: %q, %v", tensor.Name, data, err)
		}
	}
	if arch, _ := f.Str("general.architecture"); arch != "llama" {
		t.Errorf("architecture %q", arch)
	}
	if words, _ := f.Key("words"); words.Kind() != "arr[str]" || words.Count != 3 {
		t.Errorf("words are %s of %d", words.Kind(), words.Count)
	}
	if types, err := Numbers[int32](f, "types"); err != nil || !slices.Equal(types, []int32{-1, 2}) {
		t.Errorf("types %v, %v", types, err)
	}
}

// Impossible shapes and data of the wrong size are errors.
func TestContentWrong(t *testing.T) {
	c := Content{Tensors: []Tensor{{Name: "a", Type: 2, Shape: []int64{33}}}}
	const want = `tensor "a" has rows that are not a multiple of 32`
	if _, err := c.Place(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
	c = Content{Tensors: []Tensor{{Name: "a", Type: 0, Shape: []int64{2}}}}
	if _, err := c.Place(); err != nil {
		t.Fatal(err)
	}
	err := c.Write(io.Discard, func(w io.Writer, _ Tensor) error { _, err := w.Write([]byte("short")); return err })
	if err == nil || err.Error() != `tensor "a" got 5 bytes instead of 8` {
		t.Errorf("%v", err)
	}
}
