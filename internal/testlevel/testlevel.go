// Package testlevel tells tests how much time they may take. docs/testing.md describes the levels.
package testlevel

import (
	"os"
	"testing"
)

// Variable is the environment variable that makes long tests run; `make test-all` sets it to 1.
const Variable = "FH_OLLAMA_LONG"

// Long skips a test that `make test` leaves out: it takes longer than a minute, or repeats for more types, models or
// hosts what another test does for some.
func Long(t *testing.T) {
	t.Helper()
	if os.Getenv(Variable) == "" {
		t.Skip("takes long: make test-all runs it")
	}
}

// RealVariable is the environment variable that makes tests on real models run; `make real` sets it to 1.
const RealVariable = "FH_OLLAMA_REAL"

// Real skips a test on real models and texts (integration/real) unless they are wanted: they are hundreds of megabytes,
// and some have a licence of their own.
func Real(t *testing.T) {
	t.Helper()
	if os.Getenv(RealVariable) == "" {
		t.Skip("needs real models: make real fetches them and runs it")
	}
}

// Some returns the first of all cases, or all of them where long tests run.
func Some[T any](all ...T) []T {
	if os.Getenv(Variable) == "" {
		return all[:1]
	}
	return all
}
