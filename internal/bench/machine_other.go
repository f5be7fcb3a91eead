//go:build !linux

package bench

import "time"

// processorTime cannot tell here.
func processorTime() (time.Duration, bool) { return 0, false }

// freeMemory cannot tell here.
func freeMemory() (int64, bool) { return 0, false }
