//go:build !linux

package bench

import "time"

func processorTime() (time.Duration, bool) { return 0, false }

func freeMemory() (int64, bool) { return 0, false }
