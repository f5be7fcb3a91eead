// Package testlevel skips tests that do not belong to the chosen level (docs/testing.md).
package testlevel

import (
	"os"
	"testing"
)

// Variable is the environment variable that makes long tests run; `make test-all` sets it to 1.
const Variable = "FH_OLLAMA_LONG"

// IsLong reports whether long tests run.
func IsLong() bool { return os.Getenv(Variable) != "" }

// Long skips a test at the level of `make test`: one that takes more than a minute, or repeats another test for more
// types, models or hosts.
func Long(t *testing.T) {
	t.Helper()
	if !IsLong() {
		t.Skip("takes long: make test-all runs it")
	}
}

// RealVariable is the environment variable that makes tests on real models run; `make real` sets it to 1.
const RealVariable = "FH_OLLAMA_REAL"

// Real skips a test on real models (integration/real) by default: they are hundreds of megabytes, and some have their
// own licence.
func Real(t *testing.T) {
	t.Helper()
	if os.Getenv(RealVariable) == "" {
		t.Skip("needs real models: make real fetches them and runs it")
	}
}

// Some returns the first case, or all of them if long tests run.
func Some[T any](all ...T) []T {
	if !IsLong() {
		return all[:1]
	}
	return all
}
