//go:build !linux

package main

import (
	"fmt"
	"math"
	"runtime"
)

// serverMemory returns an error: unknown.
func serverMemory(int) (memory, error) {
	unknown := math.NaN()
	return memory{unknown, unknown, unknown, unknown}, nil
}

// machine returns the name and number of processors.
func machine() string {
	return fmt.Sprintf("%s/%s, %d threads", runtime.GOOS, runtime.GOARCH, threads())
}
