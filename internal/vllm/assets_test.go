package vllm_test

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
	"github.com/fh-ollama/fh-ollama/internal/native/nativetest"
	"github.com/fh-ollama/fh-ollama/internal/vllm"
)

func TestOpen(t *testing.T) {
	dir := sound().write(t)
	for _, given := range []string{dir, dir + "/", filepath.Join(dir, "flash_head_assets"),
		filepath.Join(dir, "flash_head_assets") + "/"} {
		a, err := vllm.Open(given)
		if err != nil {
			t.Fatal(err)
		}
		if a.Vocab != 40 || a.Columns != 32 || a.Clusters != 4 || a.Probes != 3 || !slices.Equal(a.Special, []uint32{39, 7}) {
			t.Errorf("%s: %+v", given, a)
		}
		if ids, err := a.Assignments(); err != nil || len(ids) != 40 || ids[6] != 2 {
			t.Errorf("%v, %v", ids, err)
		}
		a.Close()
	}
	t.Chdir(filepath.Join(dir, "flash_head_assets"))
	if a, err := vllm.Open("."); err != nil || a.Probes != 3 {
		t.Errorf("in the folder itself: %+v, %v", a, err)
	}
	for _, config := range []string{"", "{}", `{"n_probes": null, "flash_head_special_token_ids": null}`} {
		f := sound()
		f.config = config
		if a, err := vllm.Open(f.write(t)); err != nil || a.Probes != 0 || len(a.Special) != 0 {
			t.Errorf("config %q: %+v, %v", config, a, err)
		}
	}
}

// Each defect is reported with a hint, and nothing is written.
func TestRefused(t *testing.T) {
	model := gguftest.Write(t, "in.gguf", gguftest.Model(40, 32).Bytes())
	nan := func(at int, value float64) func(*fixture) {
		return func(f *fixture) { f.centroids.([]float32)[at] = float32(value) }
	}
	id := func(at int, k int64) func(*fixture) {
		return func(f *fixture) { f.ids.([]int64)[at] = k }
	}
	config := func(text string) func(*fixture) {
		return func(f *fixture) { f.config = text }
	}
	lib := ""
	if !testing.Short() {
		lib = nativetest.Dir(t)
	}
	for name, c := range map[string]struct {
		change func(*fixture)
		want   string
	}{
		"larger V": {func(f *fixture) { f.ids, f.idShape = append(f.ids.([]int64), 0, 0), []int64{42} },
			"the assets are for 42 tokens, the head has 40"},
		"smaller V": {func(f *fixture) { f.ids, f.idShape, f.config = f.ids.([]int64)[:38], []int64{38}, "" },
			"for 38 tokens, the head has 40"},
		"wrong D":               {func(f *fixture) { f.shape = []int64{1, 1, 16, 8} }, "for rows of 16, the head has 32"},
		"ids of two dimensions": {func(f *fixture) { f.idShape = []int64{1, 40} }, "cluster_assignments has shape [1 40]"},
		"flat centroids": {func(f *fixture) { f.shape = []int64{32, 4} },
			"centroids has shape [32 4], not [1 1 columns clusters]"},
		"turned centroids": {func(f *fixture) { f.shape = []int64{32, 4, 1, 1} }, "centroids has shape"},
		"no columns": {func(f *fixture) { f.shape, f.centroids = []int64{1, 1, 0, 4}, []float32{} },
			"centroids has shape"},
		"no clusters": {func(f *fixture) { f.shape, f.centroids = []int64{1, 1, 32, 0}, []float32{} },
			"0 clusters of 40"},
		"more clusters than V": {func(f *fixture) { f.shape = []int64{1, 1, 2, 64} }, "64 clusters of 40"},
		"double centroids": {func(f *fixture) { f.dtype, f.centroids = "F64", make([]float64, 128) },
			"centroids has dtype F64"},
		"ids of bytes": {func(f *fixture) { f.idType, f.ids = "U8", make([]uint8, 40) },
			"cluster_assignments has dtype U8"},
		"no ids":        {func(f *fixture) { f.name = "assignments" }, `no tensor "cluster_assignments"`},
		"truncated":     {func(f *fixture) { f.cut = 1 }, "centroids has data_offsets [320 832] in 831 bytes"},
		"id of K":       {id(11, 4), "token 11 is in cluster 4, not in 0..3"},
		"negative id":   {id(39, -1), "token 39 is in cluster -1"},
		"id of 2^32":    {id(0, 1<<32), "cluster 4294967296"},
		"all in one":    {func(f *fixture) { f.ids = make([]int64, 40) }, "all tokens in one cluster"},
		"probes 0":      {config(`{"n_probes": 0}`), "n_probes is 0, not a number of clusters in 1..4"},
		"probes over K": {config(`{"n_probes": 5}`), "n_probes is 5"},
		"probes half":   {config(`{"n_probes": 2.5}`), "n_probes has a number 2.5, not whole numbers from 0 on"},
		"special of V": {config(`{"flash_head_special_token_ids": [1, 40]}`),
			"entry 1 of flash_head_special_token_ids is not a token in 0..39"},
		"special negative": {config(`{"flash_head_special_token_ids": [-1]}`), "special_token_ids has a number -1"},
		"config no JSON":   {config("n_probes = 3"), "config.json: invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			f := sound()
			c.change(f)
			refused(t, model, f.write(t), lib, c.want)
		})
	}
	biased := gguftest.Model(40, 32)
	biased.Tensors = append(biased.Tensors, gguftest.T("output.bias", gguftest.TypeF32, make([]byte, 4*40), 40))
	refused(t, gguftest.Write(t, "biased.gguf", biased.Bytes()), sound().write(t), lib, "the head has a bias")
	if testing.Short() {
		return
	}
	for name, c := range map[string]struct {
		change func(*fixture)
		want   string
	}{
		"NaN":           {nan(5, math.NaN()), "the centroid of cluster 1 has the value NaN"},
		"infinity":      {nan(127, math.Inf(-1)), "the centroid of cluster 3 has the value -Inf"},
		"another model": {func(*fixture) {}, "the assets are of another model"},
	} {
		t.Run(name, func(t *testing.T) {
			f := sound()
			c.change(f)
			refused(t, model, f.write(t), lib, c.want)
		})
	}
}

// refused checks that an import fails with want and a hint, and changes no file.
func refused(t *testing.T, model, dir, lib, want string) {
	t.Helper()
	before := names(dir)
	_, _, err := importTo(model, filepath.Join(dir, "out.gguf"), dir, lib)
	hinttest.Check(t, err, want)
	if after := names(dir); after != before {
		t.Errorf("the folder had %q before and has %q now", before, after)
	}
}
