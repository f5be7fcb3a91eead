package ggmlhead

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/sanitizertest"
)

// The core's own tests, built with the compiler's sanitizers: no data race, no access out of bounds, no undefined
// behaviour.
func TestCoreUnderSanitizers(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles C++; not with -short")
	}
	sanitizertest.Each(t, func(t *testing.T, flags []string) {
		program := filepath.Join(t.TempDir(), "test-flash-head-core")
		args := append([]string{"-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Icore", "-pthread",
			"tests/test-flash-head-core.cpp", "core/flash-head.cpp", "core/flash-head-select.cpp", "-o", program}, flags...)
		if text, err := exec.Command(sanitizertest.Compiler(), args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		sanitizertest.Run(t, program)
	})
}
