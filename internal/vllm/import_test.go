package vllm_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/native/nativetest"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/internal/vllm/vllmtest"
)

// Empty clusters are dropped, P is capped, and the special tokens join the default ones.
func TestNativeImport(t *testing.T) {
	lib := nativetest.Dir(t)
	model := gguftest.Write(t, "in.gguf", gguftest.Model(40, 32).Bytes())
	f := sound()
	f.shape, f.config = []int64{1, 1, 32, 5}, `{"n_probes": 5, "flash_head_special_token_ids": [39, 7, 39]}`
	used, ids := []int64{1, 2, 4}, f.ids.([]int64) // of 5 clusters, 0 and 3 are empty
	assignments := make([]uint32, 40)
	for i := range ids {
		assignments[i] = []uint32{0, 1, 2, 2}[i%4]
		if i == 0 {
			assignments[i] = 1
		}
		ids[i] = used[assignments[i]]
	}
	means, err := native.Tool{Path: filepath.Join(lib, "llama-flashhead")}.Centroids(t.Context(), native.Map{
		Head:        native.Head{Model: model, Tensor: "token_embd.weight"},
		Assignments: assignments, Clusters: 3, Columns: 32,
	})
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, 32*5)
	for i, mean := range means {
		k := used[i%3]
		values[5*(i/3)+int(k)] = mean * float32(k) // of another length, but the same direction
	}
	f.centroids = values
	out := filepath.Join(t.TempDir(), "out.gguf")
	s, log, err := importTo(model, out, f.write(t), lib)
	if err != nil {
		t.Fatal(err)
	}
	p := s.Parameters
	if p.Clusters != 3 || p.Probes != 3 || !slices.Equal(p.Pinned, []uint32{0, 1, 2, 7, 39}) ||
		!slices.Equal(p.Assignments[:6], []uint32{1, 1, 2, 2, 0, 1}) {
		t.Errorf("%+v", p)
	}
	if p.ImportedFrom != "flash_head_assets" || p.Sizes() != "9 to 20" ||
		!strings.Contains(s.String(), "3 of 9 to 20 tokens, imported from flash_head_assets") {
		t.Errorf("%+v\n%s", p, s)
	}
	if !strings.Contains(log, "left out 2 empty clusters of 5") ||
		!strings.Contains(log, "compared 3 centroids with this head's: mean cosine 1.0000, least 1.0000") {
		t.Errorf("the log is\n%s", log)
	}
	if _, _, got := flashheadtest.Open(t, out); !reflect.DeepEqual(got, p) {
		t.Errorf("the file has %+v", got)
	}
}

// Exporting and importing the clusters of the trained model keeps clusters, P and pinned tokens. With the halves of the
// vocabulary swapped, the import is refused.
func TestNativeRoundTrip(t *testing.T) {
	lib := nativetest.Dir(t)
	const demo = "../../integration/testdata/fh-demo-12m-q8_0.gguf"
	work := t.TempDir()
	dir, converted, back := filepath.Join(work, "assets"), filepath.Join(work, "converted.gguf"), filepath.Join(work,
		"back.gguf")
	o := convert.Defaults()
	o.Input, o.Output, o.LibDir, o.Iterations, o.Probes, o.CentroidType = demo, converted, lib, 1, 123, "q8_0"
	o.Plain = true
	if _, err := convert.Convert(t.Context(), o, progress.New(io.Discard)); err != nil {
		t.Fatal(err)
	}
	if err := vllmtest.Export(t.Context(), converted, dir, lib); err != nil {
		t.Fatal(err)
	}
	_, log, err := importTo(demo, back, dir, lib)
	if err != nil || !strings.Contains(log, "mean cosine 1.0000, least 1.0000") {
		t.Fatalf("%v\n%s", err, log)
	}
	_, _, a := flashheadtest.Open(t, converted)
	_, _, b := flashheadtest.Open(t, back)
	if !slices.Equal(a.Assignments, b.Assignments) || a.Probes != 123 || b.Probes != 123 ||
		!slices.Equal(a.Pinned, b.Pinned) || a.SourceSHA256 != b.SourceSHA256 {
		t.Error("the imported map differs from the exported one")
	}

	data, err := os.ReadFile(clusterFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	// after the header come the ids, 8 bytes each
	shifted := slices.Clone(data)
	ids := shifted[8+binary.LittleEndian.Uint64(data):][:8*32000]
	copy(ids, data[len(data)-4*2000*256-4*32000:][:4*32000])
	copy(ids[4*32000:], data[len(data)-4*2000*256-8*32000:][:4*32000])
	put(t, clusterFile(dir), shifted)
	_, _, err = importTo(demo, filepath.Join(work, "never.gguf"), dir, lib)
	cosine := math.NaN()
	if err != nil {
		fmt.Sscanf(err.Error()[strings.LastIndex(err.Error(), " ")+1:], "%f", &cosine)
	}
	if err == nil || !strings.Contains(err.Error(), "the assets are of another model") || !(math.Abs(cosine) < 0.1) {
		t.Errorf("with the halves of the vocabulary swapped: %v", err)
	}
}
