// Package nativetest finds the build's native programs for tests.
package nativetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// Dir returns the absolute path of the folder of the native programs, for the tests of a package two folders below the
// top: FH_OLLAMA_LIB, or that of the default build. It fails where the native tool is not in it; with -short it skips.
func Dir(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the native programs")
	}
	dir := os.Getenv("FH_OLLAMA_LIB")
	if dir == "" {
		dir = "../../dist/lib/ollama"
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, installation.ToolName))
	}
	if err != nil {
		t.Fatalf("%v: run make build first", err)
	}
	return dir
}
