package vllm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

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
	if err = json.Unmarshal(text, &c); err == nil {
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
