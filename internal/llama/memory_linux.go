package llama

import (
	"os"
	"syscall"
)

// peakMemory returns the peak resident bytes of an ended program, 0 if unknown. Linux counts in KiB.
func peakMemory(state *os.ProcessState) int64 {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		return int64(usage.Maxrss) << 10
	}
	return 0
}
