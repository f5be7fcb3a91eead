//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// errStalled is the error of a request that Ollama, stock or patched, does not forward to a llama-server that would
// answer it. If a client hangs up at the wrong moment, Ollama never frees its place among the model's
// OLLAMA_NUM_PARALLEL. With no place left, requests wait until the model is unloaded
// (github.com/ollama/ollama/issues/17131).
var errStalled = errors.New("stalled in Ollama")

// unstall finds out why a model does not answer. If its llama-server answers a direct request, unstall unloads the
// model, so that Ollama forwards requests again, and returns errStalled.
func (s *server) unstall(ctx context.Context, model string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	runner, err := s.runner(model)
	if err != nil {
		return err
	}
	if runner == nil { // another client has unloaded the model
		return errStalled
	}
	body := strings.NewReader(`{"prompt": "We, the people,", "n_predict": 4}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:"+runner.Port+"/completion", body)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("llama-server hangs: %w", err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("llama-server: %s", response.Status)
	}
	if err := s.expire(ctx, model); err != nil {
		return fmt.Errorf("unload a stalled model: %w", err)
	}
	return errStalled
}
