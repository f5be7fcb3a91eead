//go:build !unix

package process

// Trusted has no counterpart here.
func Trusted(string) bool { return true }
