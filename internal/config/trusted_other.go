//go:build !unix

package config

// trusted has no counterpart here.
func trusted(string) bool { return true }
