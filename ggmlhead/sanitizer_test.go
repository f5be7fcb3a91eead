package ggmlhead

import (
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/sanitizertest"
)

// The core's own tests, built with the compiler's sanitizers: no data race, no access out of bounds, no undefined
// behaviour.
func TestCoreUnderSanitizers(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles C++; not with -short")
	}
	core, err := filepath.Glob("core/*.cpp")
	if err != nil || len(core) == 0 {
		t.Fatalf("the core's sources: %v, %v", core, err)
	}
	for _, test := range []string{"test-flash-head-core", "test-flash-head-group", "test-flash-head-sketch"} {
		t.Run(test, func(t *testing.T) {
			sanitizertest.Each(t, func(t *testing.T, flags []string) {
				program := filepath.Join(t.TempDir(), test)
				args := []string{"-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Icore", "-pthread", "tests/" + test + ".cpp", "-o", program}
				args = slices.Concat(args, core, flags)
				if text, err := exec.Command(sanitizertest.Compiler(), args...).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				sanitizertest.Run(t, program)
			})
		})
	}
}
