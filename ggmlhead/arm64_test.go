package ggmlhead

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// The core's own tests on a 64-bit Arm: compiled here, run by an emulator.
func TestCoreOnArm64(t *testing.T) {
	testlevel.Long(t)
	if testing.Short() {
		t.Skip("compiles C++; not with -short")
	}
	compiler, emulator := arm64Tools(t)
	// For processors that have what the kernels for Arm use. The tests compare bits with plain formulas, so neither may
	// have a multiplication and an addition fused that the other has not.
	compile := func(t *testing.T, args ...string) {
		t.Helper()
		must(t, compiler, append([]string{"-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror",
			"-march=armv8.2-a+dotprod+fp16", "-Icore"}, args...)...)
	}
	dir := t.TempDir()
	objects := coreObjects(t, dir, compile)
	for _, test := range append(slices.Clone(coreTests), "test-flash-head-dense") {
		t.Run(test, func(t *testing.T) {
			program := filepath.Join(dir, test)
			compile(t, slices.Concat([]string{"-static", "-pthread", "tests/" + test + ".cpp", "-o", program},
				objects)...)
			if text, err := exec.Command(emulator, "-cpu", "max", program).CombinedOutput(); err != nil ||
				!strings.Contains(string(text), ", 0 failed") {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

// arm64Tools finds a compiler for Arm and an emulator. Without them the test is skipped, but not by continuous
// integration.
func arm64Tools(t *testing.T) (compiler, emulator string) {
	t.Helper()
	first := func(names ...string) string {
		for _, name := range names {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
		return ""
	}
	compiler = first("aarch64-linux-gnu-g++", "aarch64-linux-gnu-g++-14", "aarch64-linux-gnu-g++-13",
		"aarch64-linux-gnu-g++-12")
	emulator = first("qemu-aarch64", "qemu-aarch64-static")
	if compiler != "" && emulator != "" {
		return compiler, emulator
	}
	const missing = "needs a compiler for Arm and an emulator: apt install g++-aarch64-linux-gnu qemu-user"
	if os.Getenv("CI") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return "", ""
}
