package vllm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/vllm/safetensors"
)

// FlashHead's entries in the model's configuration.
const (
	probesName  = "n_probes"
	specialName = "flash_head_special_token_ids"
)

// maxConfig limits the bytes of a configuration. Real ones have a few thousand.
const maxConfig = 16 << 20

// readConfig reads the JSON object at path; nil if the file does not exist.
func readConfig(path string) (map[string]json.RawMessage, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, hint.Wrap(err, "check that you may read it")
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return nil, hint.Wrap(err, "check that you may read it")
	}
	if len(text) > maxConfig {
		return nil, hint.New(fmt.Sprintf("%s is larger than %d MiB", path, maxConfig>>20),
			"give the folder of a model, whose config.json is short")
	}
	config, err := safetensors.ParseObject(text)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("%s: %w", path, err), "get the file again: it is not a model's configuration")
	}
	return config, nil
}

// settings reads FlashHead's entries for a head of K clusters and V tokens. Absent entries and null are 0 and nil.
func settings(config map[string]json.RawMessage, clusters, vocab int64) (probes uint32, special []uint32, err error) {
	if text := config[probesName]; text != nil && string(text) != "null" {
		n, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil || n < 1 || n > clusters {
			return 0, nil, fmt.Errorf("%s is %.40s, not a number of clusters in 1..%d", probesName, text, clusters)
		}
		probes = uint32(n)
	}
	if text := config[specialName]; text != nil {
		var ids []*int64 // nil for null
		if err := json.Unmarshal(text, &ids); err != nil {
			return 0, nil, fmt.Errorf("%s is %.40s, not a list of tokens", specialName, text)
		}
		for i, id := range ids {
			if id == nil || *id < 0 || *id >= vocab {
				return 0, nil, fmt.Errorf("entry %d of %s is not a token in 0..%d", i, specialName, vocab-1)
			}
			special = append(special, uint32(*id))
		}
	}
	return probes, special, nil
}
