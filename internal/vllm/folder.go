// Package vllm imports clusters that FlashHead's authors publish for vLLM. docs/interoperation.md describes the files.
package vllm

import "path/filepath"

// Format is the name of the format, and of the folder with the clusters.
const Format = "flash_head_assets"

// folder holds the paths of one model's files.
type folder struct {
	clusters string
	config   string // the model's configuration
}

// locate returns the files of dir, which is the model's folder or the folder called Format in it. They need not exist.
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
