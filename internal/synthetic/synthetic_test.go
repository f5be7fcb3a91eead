package synthetic

import (
	"bytes"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// llama.cpp's Python package gguf wrote files of the same shapes with these numbers of tensors and bytes.
func TestSizes(t *testing.T) {
	want := map[string][]int64{ // tensors, then bytes with q4_0, q4_k_m, q8_0, f16, bf16
		"gemma-3-270m": {236, 234883584, 246587904, 285018624, 536308224, 536308224},
		"gemma-3-1b":   {340, 713892352, 799525120, 1062773248, 2000040448, 2000040448},
		"qwen3-0.6b":   {310, 375614464, 390753280, 633495552, 1192230912, 1192230912},
		"qwen3-1.7b":   {310, 1048471552, 1101457408, 1828474880, 3441397760, 3441397760},
		"llama-3.2-1b": {146, 763097088, 799862784, 1313251328, 2471763968, 2471763968},
		"llama-3.2-3b": {254, 1909352448, 2011539456, 3414061056, 6425849856, 6425849856},
		"llama-3.1-8b": {291, 4788813824, 5048336384, 8532934656, 16061054976, 16061054976},
	}
	if len(want) != len(shapes) {
		t.Fatalf("%d shapes", len(shapes))
	}
	for _, s := range shapes {
		for i, typ := range types {
			m := Model{Shape: s, Type: typ, ClusterSize: 16}
			c := gguf.Content{Tensors: m.tensors()}
			size, err := c.Place()
			if err != nil || size != want[s.Name][1+i] || int64(len(c.Tensors)) != want[s.Name][0] {
				t.Errorf("%v has %d tensors of %d bytes, %v", m, len(c.Tensors), size, err)
			}
		}
	}
}

// tiny returns a model whose vocabulary also has tokens of three bytes.
func tiny(typ Type, coded bool) Model {
	return Model{Shape: Shape{"tiny", "gemma3", 256, 2, 512, 2, 1, 128, 66000, true}, Type: typ, ClusterSize: 64,
		Codes: coded, Version: "1"}
}

func written(t *testing.T, m Model) []byte {
	t.Helper()
	f, err := m.File()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	last := int64(-1)
	err = f.Write(&b, func(done int64) error {
		if done < last || done > f.Size {
			t.Errorf("report got %d bytes after %d, of %d", done, last, f.Size)
		}
		last = done
		return nil
	})
	if err != nil || int64(b.Len()) != f.Size {
		t.Fatalf("%d bytes instead of %d, %v", b.Len(), f.Size, err)
	}
	return b.Bytes()
}

// The file can be read, and its map is sound.
func TestWrite(t *testing.T) {
	for _, typ := range types {
		data := written(t, tiny(typ, true))
		if !bytes.Equal(data, written(t, tiny(typ, true))) {
			t.Errorf("%s: the same model gives other bytes", typ.Name)
		}
		f, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		head, err := flashhead.FindHead(f)
		if err != nil {
			t.Fatal(err)
		}
		p, err := flashhead.FromFile(f, head)
		if err != nil {
			t.Fatal(err)
		}
		if least, most := p.ClusterSizes(); p.Clusters != 1032 || least != 63 || most != 64 || !p.Codes.There() ||
			!slices.Equal(p.Pinned, []uint32{0, 1}) {
			t.Errorf("%s: %d clusters of %d to %d, %d bits, pinned %v", typ.Name, p.Clusters, least, most,
				p.Codes.CoarseBits, p.Pinned)
		}
		if !slices.Equal(flashhead.DefaultPinned(f, head), p.Pinned) {
			t.Errorf("%s: convert would pin %v", typ.Name, flashhead.DefaultPinned(f, head))
		}
	}
}

// Names have no case, and "all" is every one.
func TestModels(t *testing.T) {
	got, err := Models([]string{"Llama-3.2-1B"}, []string{"all"}, true, "1")
	if err != nil || len(got) != 5 || got[0].String() != "llama-3.2-1b q4_0" || !got[4].Codes {
		t.Errorf("%v, %v", got, err)
	}
}
