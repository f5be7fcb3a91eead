package native_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/native/nativetest"
)

// TestNativeCentroids averages rows whose means are worked out by hand, 2 columns of 5 rows in clusters of 3, 1 and 1.
func TestNativeCentroids(t *testing.T) {
	dir := nativetest.Dir(t)
	path, err := native.FindTool([]string{dir})
	if err != nil {
		t.Fatalf("%v in %s: run make build first", err, dir)
	}
	rows := []float32{1, 10, 5, 6, 2, 20, -7, 0.5, 6, -3}
	data, err := binary.Append(nil, binary.LittleEndian, rows)
	if err != nil {
		t.Fatal(err)
	}
	file := gguftest.Model(5, 2)
	file.Tensors[0].Data = data
	tool := native.Tool{Path: path}
	options := native.Map{
		Head:        native.Head{Model: gguftest.Write(t, "in.gguf", file.Bytes()), Tensor: "token_embd.weight"},
		Assignments: []uint32{2, 0, 2, 1, 2}, Clusters: 3, Columns: 2,
	}
	t.Setenv("FH_OLLAMA_CACHE", t.TempDir())
	got, err := tool.Centroids(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{5, -7, 3, 6, 0.5, 9}; !slices.Equal(got, want) {
		t.Errorf("means %v, want %v", got, want)
	}

	for want, change := range map[string]func(o *native.Map){
		"centroids of 3 columns": func(o *native.Map) { o.Columns = 3 },
		"NaN or infinite weight in row": func(o *native.Map) {
			broken := file
			broken.Tensors = slices.Clone(file.Tensors)
			broken.Tensors[0].Data = binary.LittleEndian.AppendUint32(slices.Clone(data[4:]),
				math.Float32bits(float32(math.NaN())))
			o.Model = gguftest.Write(t, "nan.gguf", broken.Bytes())
		},
	} {
		o := options
		change(&o)
		_, err := tool.Centroids(t.Context(), o)
		hinttest.Check(t, err, want)
	}
	noneLeft(t)
}
