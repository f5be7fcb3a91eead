// Package vllmtest writes the files that package vllm reads, for tests.
package vllmtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/vllm"
	"github.com/fh-ollama/fh-ollama/internal/vllm/safetensors"
)

// Tensor is a tensor of a file. Data is a slice of numbers, written little-endian.
type Tensor struct {
	Name  string
	DType safetensors.DType
	Shape []int64
	Data  any
}

// Safetensors returns the bytes of a file with these tensors.
func Safetensors(tensors ...Tensor) ([]byte, error) {
	var header, data []byte
	for i, t := range tensors {
		begin := len(data)
		var err error
		if data, err = binary.Append(data, binary.LittleEndian, t.Data); err != nil {
			return nil, err
		}
		name, _ := json.Marshal(t.Name)
		shape, _ := json.Marshal(t.Shape)
		header = fmt.Appendf(header, `%c%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, "{,"[min(i, 1)], name, t.DType,
			shape, begin, len(data))
	}
	header = append(header, '}')
	header = append(header, bytes.Repeat([]byte{' '}, (8-len(header)%8)%8)...)
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), append(header, data...)...), nil
}

// Export writes the map of the converted file at path as assets to the new folder dir. lib is the folder of the native
// programs.
func Export(ctx context.Context, path, dir, lib string) error {
	src, err := flashhead.OpenConverted(path)
	if err != nil {
		return err
	}
	defer src.Close()
	p := src.Parameters
	tool, err := native.Find(ctx, lib)
	if err != nil {
		return err
	}
	means, err := tool.Centroids(ctx, native.Map{
		Head:        native.Head{Model: path, Tensor: src.Head.Tensor.Name},
		Assignments: p.Assignments, Clusters: p.Clusters, Columns: src.Head.Width(),
	})
	if err != nil {
		return err
	}
	ids := make([]int64, len(p.Assignments))
	for i, k := range p.Assignments {
		ids[i] = int64(k)
	}
	file, err := Safetensors(
		Tensor{"cluster_assignments", safetensors.I64, []int64{src.Head.Vocab()}, ids},
		Tensor{"centroids", safetensors.F32, []int64{1, 1, src.Head.Width(), int64(p.Clusters)}, means})
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{"n_probes": p.Probes, "flash_head_special_token_ids": p.Pinned})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, vllm.Format), 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, vllm.Format, "clustering_cache.safetensors"), file, 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), config, 0o666)
}
