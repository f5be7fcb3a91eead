// Package vllm imports clusters that FlashHead's authors publish for vLLM. docs/interoperation.md describes the files.
package vllm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/vllm/safetensors"
)

// Format is the name of the format, and of the folder with the clusters.
const Format = "flash_head_assets"

// Assets are the published clusters of one model's head.
type Assets struct {
	Vocab    int64    // V
	Columns  int64    // D
	Clusters int64    // K; some may be empty
	Probes   uint32   // 1..K; 0 if the configuration does not say
	Special  []uint32 // tokens that are always scored exactly, each below V

	path                   string
	file                   *safetensors.File
	centroids, assignments safetensors.Tensor // [1, 1, D, K] and [V]
}

const otherAssets = "get the files again; docs/interoperation.md describes them"

// Open reads the files of dir, which is a model's folder or the folder called Format in it. The large tensors stay in
// the file until they are asked for. Call Close when done. Errors carry a hint.
func Open(dir string) (*Assets, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	clusters, model := filepath.Join(dir, Format), dir
	if filepath.Base(abs) == Format {
		clusters, model = dir, filepath.Dir(abs)
	}
	a, err := openClusters(filepath.Join(clusters, "clustering_cache.safetensors"))
	if err != nil {
		return nil, err
	}
	c, err := readConfig(filepath.Join(model, "config.json"), a.Clusters, a.Vocab)
	if err != nil {
		a.Close()
		return nil, err
	}
	if a.Special = c.Special; c.Probes != nil {
		a.Probes = *c.Probes
	}
	return a, nil
}

func openClusters(path string) (*Assets, error) {
	file, err := safetensors.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.Wrap(err, "give the folder of a model with "+Format+", or that folder, with --assets")
	}
	if err != nil {
		return nil, err
	}
	a := &Assets{path: path, file: file}
	if err := a.check(); err != nil {
		file.Close()
		return nil, a.unusable(err)
	}
	return a, nil
}

// Close closes the file of the clusters.
func (a *Assets) Close() error { return a.file.Close() }

// unusable adds the file's name and a hint to an error.
func (a *Assets) unusable(err error) error {
	return hint.Wrap(fmt.Errorf("%s: %w", a.path, err), otherAssets)
}

// check finds the tensors and checks their shapes.
func (a *Assets) check() (err error) {
	a.centroids, err = a.file.Tensor("centroids", safetensors.F32, safetensors.F16, safetensors.BF16)
	if err != nil {
		return err
	}
	a.assignments, err = a.file.Tensor("cluster_assignments", safetensors.I64, safetensors.I32)
	if err != nil {
		return err
	}
	shape := a.centroids.Shape
	if len(shape) != 4 || shape[0] != 1 || shape[1] != 1 || shape[2] < 1 {
		return fmt.Errorf("centroids has shape %v, not [1 1 columns clusters]", shape)
	}
	if len(a.assignments.Shape) != 1 || a.assignments.Shape[0] < 1 || a.assignments.Shape[0] > math.MaxInt32 {
		return fmt.Errorf("cluster_assignments has shape %v, not [tokens]", a.assignments.Shape)
	}
	a.Columns, a.Clusters, a.Vocab = shape[2], shape[3], a.assignments.Shape[0]
	if a.Clusters < 2 || a.Clusters > a.Vocab {
		return fmt.Errorf("%d clusters of %d tokens", a.Clusters, a.Vocab)
	}
	return nil
}

// Assignments returns the cluster of every token: V entries below K. Errors carry a hint.
func (a *Assets) Assignments() ([]uint32, error) {
	clusters, err := a.file.Ints(a.assignments)
	if err != nil {
		return nil, a.unusable(err)
	}
	out := make([]uint32, len(clusters))
	for token, k := range clusters {
		if k < 0 || k >= a.Clusters {
			return nil, a.unusable(fmt.Errorf("token %d is in cluster %d, not in 0..%d", token, k, a.Clusters-1))
		}
		out[token] = uint32(k)
	}
	return out, nil
}

// column reads one column of all centroids into dst, which has K entries. Errors carry a hint.
func (a *Assets) column(column int64, dst []float32) error {
	if err := a.file.Floats(a.centroids, column*a.Clusters, dst); err != nil {
		return a.unusable(err)
	}
	for k, v := range dst {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return a.unusable(fmt.Errorf("the centroid of cluster %d has the value %v", k, v))
		}
	}
	return nil
}

// config has FlashHead's entries in the model's configuration. Absent entries and null are 0 and nil.
type config struct {
	Probes  *uint32  `json:"n_probes"`
	Special []uint32 `json:"flash_head_special_token_ids"`
}

// readConfig reads the configuration at path for a head of K clusters and V tokens; an empty one if there is none.
func readConfig(path string, clusters, vocab int64) (config, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return config{}, nil
	}
	if err != nil {
		return config{}, hint.Wrap(err, "check that you may read it")
	}
	var c config
	err = json.Unmarshal(text, &c)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		err = fmt.Errorf("%s has a %s, not whole numbers from 0 on", wrong.Field, wrong.Value)
	}
	if err == nil {
		err = c.check(clusters, vocab)
	}
	if err != nil {
		return config{}, hint.Wrap(fmt.Errorf("%s: %w", path, err), "correct the entry, or take it out for the default")
	}
	return c, nil
}

func (c config) check(clusters, vocab int64) error {
	if c.Probes != nil && (*c.Probes < 1 || int64(*c.Probes) > clusters) {
		return fmt.Errorf("n_probes is %d, not a number of clusters in 1..%d", *c.Probes, clusters)
	}
	for i, token := range c.Special {
		if int64(token) >= vocab {
			return fmt.Errorf("entry %d of flash_head_special_token_ids is not a token in 0..%d", i, vocab-1)
		}
	}
	return nil
}
