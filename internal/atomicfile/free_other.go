//go:build !unix

package atomicfile

// Free cannot tell here; a full disk is found when writing.
func Free(string) (int64, bool) { return 0, false }

// Same cannot tell here.
func Same(string, string) bool { return false }
