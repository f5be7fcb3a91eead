//go:build !linux

package llama

import "os"

func peakMemory(*os.ProcessState) int64 { return 0 }
