//go:build !linux

package main

import (
	"fmt"
	"runtime"

	"github.com/fh-ollama/fh-ollama/internal/processors"
)

// addMemory adds nothing: the memory is unknown.
func addMemory(map[metric]float64, int) error { return nil }

// machine returns the system and the number of processors.
func machine() string {
	return fmt.Sprintf("%s/%s, %d threads", runtime.GOOS, runtime.GOARCH, processors.Usable())
}
