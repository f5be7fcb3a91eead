//go:build !linux

package main

import (
	"fmt"
	"math"
	"runtime"
)

// serverMemory is not known here.
func serverMemory(int) (memory, error) {
	unknown := math.NaN()
	return memory{unknown, unknown, unknown, unknown}, nil
}

// machine names the processor and how many there are.
func machine() string {
	return fmt.Sprintf("%s/%s, %d threads", runtime.GOOS, runtime.GOARCH, threads())
}
