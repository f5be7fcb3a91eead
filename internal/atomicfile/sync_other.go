//go:build !unix

package atomicfile

// syncDir has no counterpart here.
func syncDir(string) error { return nil }
