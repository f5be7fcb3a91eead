//go:build !unix

package convert

// freeBytes cannot tell here; a full disk is found when writing.
func freeBytes(string) (int64, bool) { return 0, false }

// syncDir has no counterpart here.
func syncDir(string) error { return nil }
