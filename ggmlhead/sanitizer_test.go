package ggmlhead

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The core's own tests, built with the compiler's sanitizers: no data race, no access out of bounds, no undefined
// behaviour.
func TestCoreUnderSanitizers(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles C++; not with -short")
	}
	compiler := os.Getenv("CXX")
	if compiler == "" {
		compiler = "c++"
	}
	for name, sanitizer := range map[string]string{"plain": "", "thread": "thread", "address": "address,undefined"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := filepath.Join(t.TempDir(), "test-flash-head-core")
			args := []string{"-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Icore", "-pthread",
				"tests/test-flash-head-core.cpp", "core/flash-head.cpp", "core/flash-head-select.cpp", "-o", program}
			if sanitizer != "" {
				args = append(args, "-fsanitize="+sanitizer, "-fno-sanitize-recover=all")
				if !links(t, compiler, "-fsanitize="+sanitizer) {
					t.Skipf("%s has no %s sanitizer", compiler, sanitizer)
				}
			}
			if text, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			text, err := steady(program).CombinedOutput()
			if err != nil || !strings.Contains(string(text), ", 0 failed") {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

// links tells whether the compiler can make and run a program with flag.
func links(t *testing.T, compiler, flag string) bool {
	t.Helper()
	program := filepath.Join(t.TempDir(), "empty")
	cmd := exec.Command(compiler, "-x", "c++", "-", flag, "-o", program)
	cmd.Stdin = strings.NewReader("int main() { return 0; }")
	return cmd.Run() == nil && steady(program).Run() == nil
}

// steady runs program at fixed addresses where the system can: older thread sanitizers do not cope with the random
// ones of newer kernels.
func steady(program string) *exec.Cmd {
	if setarch, err := exec.LookPath("setarch"); err == nil {
		return exec.Command(setarch, "-R", program)
	}
	return exec.Command(program)
}
