//go:build !linux

package bundle

// forbidsPrograms is for the compiler only: the plug-in is for Linux.
func forbidsPrograms(string) bool { return false }
