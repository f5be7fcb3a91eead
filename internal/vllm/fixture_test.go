package vllm_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/internal/vllm"
	"github.com/fh-ollama/fh-ollama/internal/vllm/safetensors"
	"github.com/fh-ollama/fh-ollama/internal/vllm/vllmtest"
)

// fixture is the content of assets, by default for a head of 40 tokens and 32 columns in 4 clusters.
type fixture struct {
	name      string // of the tensor with the ids
	shape     []int64
	centroids any // values in the order of the shape
	dtype     safetensors.DType
	ids       any
	idType    safetensors.DType
	idShape   []int64
	config    string // "": no file
	cut       int    // bytes missing at the end
}

func sound() *fixture {
	ids := make([]int64, 40)
	for i := range ids {
		ids[i] = int64(i % 4)
	}
	centroids := make([]float32, 32*4)
	for i := range centroids {
		centroids[i] = float32(i%7) - 3
	}
	return &fixture{name: "cluster_assignments", shape: []int64{1, 1, 32, 4}, centroids: centroids, dtype: safetensors.F32,
		ids: ids, idType: safetensors.I64, idShape: []int64{40},
		config: `{"model_type": "llama", "n_probes": 3, "flash_head_special_token_ids": [39, 7]}`}
}

// write writes the files and returns the model's folder.
func (f *fixture) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "flash_head_assets"), 0o777); err != nil {
		t.Fatal(err)
	}
	file, err := vllmtest.Safetensors(vllmtest.Tensor{Name: f.name, DType: f.idType, Shape: f.idShape, Data: f.ids},
		vllmtest.Tensor{Name: "centroids", DType: f.dtype, Shape: f.shape, Data: f.centroids})
	if err != nil {
		t.Fatal(err)
	}
	put(t, clusterFile(dir), file[:len(file)-f.cut])
	if f.config != "" {
		put(t, filepath.Join(dir, "config.json"), []byte(f.config))
	}
	return dir
}

func clusterFile(dir string) string {
	return filepath.Join(dir, "flash_head_assets", "clustering_cache.safetensors")
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// importTo runs a whole import of dir into a copy of model.
func importTo(model, out, dir, lib string) (convert.Summary, string, error) {
	clusters, err := vllm.Open(dir)
	if err != nil {
		return convert.Summary{}, "", err
	}
	defer clusters.Close()
	var log strings.Builder
	s, err := convert.From(context.Background(), &vllm.Source{Assets: clusters, Model: model, LibDir: lib},
		convert.Target{Input: model, Output: out, ToolVersion: "test"}, progress.New(&log))
	return s, log.String(), err
}

func names(dir string) string {
	var all []string
	filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error {
		if path != dir {
			all = append(all, strings.TrimPrefix(path, dir+string(filepath.Separator)))
		}
		return nil
	})
	return strings.Join(all, " ")
}
