//go:build !linux

package llama

import "os"

// peakMemory cannot tell here.
func peakMemory(*os.ProcessState) int64 { return 0 }
