package gguf_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

func TestEachString(t *testing.T) {
	want := []string{"", "a", strings.Repeat("long ", 5000), "ende"}
	file := gguftest.File{KVs: []gguftest.KV{gguftest.V("texts", gguftest.A(want)), gguftest.V("number", uint32(1))}}
	f, err := gguf.Open(gguftest.Write(t, "in.gguf", file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got []string
	err = gguf.EachString(f, "texts", func(i int64, text []byte) {
		if i != int64(len(got)) {
			t.Errorf("string %d has index %d", len(got), i)
		}
		got = append(got, string(text))
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %d strings", err, len(got))
	}
	for _, key := range []string{"none", "number"} {
		if err := gguf.EachString(f, key, func(int64, []byte) {}); err == nil {
			t.Errorf("%s was read as strings", key)
		}
	}
}
