package flashhead_test

import (
	"reflect"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
)

// Codes and a token's part of a centroid take at most a share of a row, except in heads so small that this leaves
// nothing.
func TestQualities(t *testing.T) {
	tensorType := func(name string) gguf.TensorType { got, _ := gguf.ParseTensorType(name); return got }
	for _, c := range []struct {
		quality, head                         string
		rows, columns                         int64
		coarse, fine, near, directions, exact int64
	}{
		{"", "q8_0", 262144, 640, 160, 128, 26215, 96, 2731},
		{"default", "q8_0", 151936, 896, 160, 192, 15194, 96, 1583},
		{"", "q8_0", 49152, 576, 160, 96, 4916, 96, 512},
		{"", "q8_0", 32000, 256, 160, 32, 3200, 96, 334},
		{"", "q8_0", 128256, 2048, 160, 480, 12826, 96, 1336},
		{"", "f32", 32000, 256, 160, 128, 3200, 96, 334},   // at most four bits per column
		{"", "f32", 32000, 8192, 160, 2048, 3200, 96, 334}, // the largest code
		{"", "q8_0", 100, 32, 160, 0, 10, 32, 1},
		{"", "f32", 100, 1, 8, 0, 10, 2, 1},
		{"high", "q8_0", 262144, 640, 192, 256, 65536, 112, 8192},
		{"high", "q8_0", 32000, 256, 192, 64, 8000, 112, 1000},
		{"high", "q4_0", 32000, 256, 192, 32, 8000, 112, 1000},
	} {
		quality, err := flashhead.ParseQuality(c.quality)
		if err != nil {
			t.Fatal(err)
		}
		weight := tensorType(c.head)
		head := flashhead.Head{Tensor: gguf.Tensor{Type: weight, Shape: []int64{c.columns, c.rows},
			Bytes: c.rows * weight.RowBytes(c.columns)}}
		k := head.Clusters(flashhead.CodedClusterSize)
		got := quality.Codes(head, k, tensorType("q4_0"))
		want := flashhead.Codes{CoarseBits: int(c.coarse), FineBytes: int(c.fine), Near: int(c.near),
			Directions: int(c.directions), Tolerance: map[bool]float32{false: 0.0125, true: 0.0025}[c.quality == "high"]}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: %+v", c, got)
		}
		exact := int64(quality.Probes(k)) * c.rows / int64(k)
		if exact < c.exact || exact >= c.exact+c.rows/int64(k)+1 {
			t.Errorf("%+v: %d tokens are scored exactly", c, exact)
		}
	}
	_, err := flashhead.ParseQuality("best")
	hinttest.Check(t, err, "choose from default, high")
}
