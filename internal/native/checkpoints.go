package native

import (
	"os"
	"path/filepath"
	"time"
)

// How long a checkpoint waits for somebody to come back to it.
const checkpointAge = 30 * 24 * time.Hour

// RemoveOldCheckpoints removes those in dir that nobody came back to for a month. What cannot be removed stays.
func RemoveOldCheckpoints(dir string) {
	paths, _ := filepath.Glob(filepath.Join(dir, "clustering-*"))
	for _, path := range paths {
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > checkpointAge {
			os.Remove(path)
		}
	}
}
