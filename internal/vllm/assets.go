package vllm

import (
	"errors"
	"fmt"
	"io/fs"
	"math"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/vllm/safetensors"
)

// Names of the tensors.
const (
	centroidsName   = "centroids"           // [1, 1, D, K]
	assignmentsName = "cluster_assignments" // [V]
)

// Assets are the published clusters of one model's head.
type Assets struct {
	Vocab    int64    // V
	Columns  int64    // D
	Clusters int64    // K; some may be empty
	Probes   uint32   // 1..K; 0 if the configuration does not say
	Special  []uint32 // tokens that are always scored exactly, each below V

	path                   string
	file                   *safetensors.File
	centroids, assignments safetensors.Tensor
}

const otherAssets = "get the files again; docs/interoperation.md describes them"

// Open reads the files of dir, which is a model's folder or the folder called Format in it. The large tensors stay in
// the file until they are asked for. Call Close when done. Errors carry a hint.
func Open(dir string) (*Assets, error) {
	files, err := locate(dir)
	if err != nil {
		return nil, err
	}
	a, err := openClusters(files.clusters)
	if err != nil {
		return nil, err
	}
	config, err := readConfig(files.config)
	if err == nil {
		if a.Probes, a.Special, err = settings(config, a.Clusters, a.Vocab); err != nil {
			err = hint.Wrap(fmt.Errorf("%s: %w", files.config, err), "correct the entry, or take it out for the default")
		}
	}
	if err != nil {
		a.Close()
		return nil, err
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
		return nil, hint.Wrap(fmt.Errorf("%s: %w", path, err), otherAssets)
	}
	return a, nil
}

// Close closes the file of the clusters.
func (a *Assets) Close() error { return a.file.Close() }

// check finds the tensors and checks their shapes.
func (a *Assets) check() error {
	var ok bool
	if a.centroids, ok = a.file.Tensor(centroidsName); !ok {
		return fmt.Errorf("no tensor %q", centroidsName)
	}
	if a.assignments, ok = a.file.Tensor(assignmentsName); !ok {
		return fmt.Errorf("no tensor %q", assignmentsName)
	}
	switch a.centroids.DType {
	case safetensors.F32, safetensors.F16, safetensors.BF16:
	default:
		return fmt.Errorf("%s has dtype %s, not F32, F16 or BF16", centroidsName, a.centroids.DType)
	}
	switch a.assignments.DType {
	case safetensors.I64, safetensors.I32:
	default:
		return fmt.Errorf("%s has dtype %s, not I64 or I32", assignmentsName, a.assignments.DType)
	}
	shape := a.centroids.Shape
	if len(shape) != 4 || shape[0] != 1 || shape[1] != 1 || shape[2] < 1 {
		return fmt.Errorf("%s has shape %v, not [1 1 columns clusters]", centroidsName, shape)
	}
	if len(a.assignments.Shape) != 1 || a.assignments.Shape[0] < 1 || a.assignments.Shape[0] > math.MaxInt32 {
		return fmt.Errorf("%s has shape %v, not [tokens]", assignmentsName, a.assignments.Shape)
	}
	a.Columns, a.Clusters, a.Vocab = shape[2], shape[3], a.assignments.Shape[0]
	if a.Clusters < 2 || a.Clusters > a.Vocab {
		return fmt.Errorf("%d clusters of %d tokens", a.Clusters, a.Vocab)
	}
	return nil
}

// Assignments returns the cluster of every token: V entries below K. Errors carry a hint.
func (a *Assets) Assignments() ([]uint32, error) {
	out := make([]uint32, 0, a.Vocab)
	piece := make([]int64, 1<<14)
	for at := int64(0); at < a.Vocab; at += int64(len(piece)) {
		piece = piece[:min(int64(len(piece)), a.Vocab-at)]
		if err := a.file.Ints(a.assignments, at, piece); err != nil {
			return nil, hint.Wrap(fmt.Errorf("%s: %w", a.path, err), otherAssets)
		}
		for i, k := range piece {
			if k < 0 || k >= a.Clusters {
				return nil, hint.New(fmt.Sprintf("%s: token %d is in cluster %d, not in 0..%d", a.path, at+int64(i), k,
					a.Clusters-1), otherAssets)
			}
			out = append(out, uint32(k))
		}
	}
	return out, nil
}

// column reads one column of all centroids into dst, which has K entries. Errors carry a hint.
func (a *Assets) column(column int64, dst []float32) error {
	if err := a.file.Floats(a.centroids, column*a.Clusters, dst); err != nil {
		return hint.Wrap(fmt.Errorf("%s: %w", a.path, err), otherAssets)
	}
	for k, v := range dst {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return hint.New(fmt.Sprintf("%s: the centroid of cluster %d has the value %v", a.path, k, v), otherAssets)
		}
	}
	return nil
}
