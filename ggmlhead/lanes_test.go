package ggmlhead

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/sanitizertest"
)

// What the tests of GPU kernels run on where there is no GPU.
func TestLanes(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles C++; not with -short")
	}
	program := filepath.Join(t.TempDir(), "test-lanes")
	out, err := exec.Command(sanitizertest.Compiler(), "-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
		"-fsanitize=undefined",
		"-fno-sanitize-recover=all", "tests/lanes/lanes.cpp", "tests/lanes/test-lanes.cpp", "-o", program).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sanitizertest.Run(t, program)
}
