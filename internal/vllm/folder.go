// Package vllm reads the files in which FlashHead's authors publish the clusters of a head for vLLM, beside the model's
// own files. docs/interoperation.md describes them.
package vllm

import (
	"path/filepath"
)

// Format is the name of the format, and of the folder with the clusters.
const Format = "flash_head_assets"

// folder names the files of one model.
type folder struct {
	clusters string // the clusters
	config   string // the model's configuration
}

// locate returns the files of dir, which is the model's folder or the folder called Format in it. They need not be
// there.
func locate(dir string) (folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return folder{}, err
	}
	dir = filepath.Clean(dir)
	if filepath.Base(abs) == Format {
		return folder{filepath.Join(dir, "clustering_cache.safetensors"),
			filepath.Join(filepath.Dir(abs), "config.json")}, nil
	}
	return folder{filepath.Join(dir, Format, "clustering_cache.safetensors"), filepath.Join(dir, "config.json")}, nil
}
