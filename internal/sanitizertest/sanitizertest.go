// Package sanitizertest runs C++ test programs under the compiler's sanitizers.
package sanitizertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// Compiler is the C++ compiler that tests use: CXX, or c++.
func Compiler() string {
	if compiler := os.Getenv("CXX"); compiler != "" {
		return compiler
	}
	return "c++"
}

// Each calls test as a subtest for the sanitizers of addresses and undefined behaviour, with the flags to compile and
// link with; where long tests run, also for that of threads, and plain, with no flags.
func Each(t *testing.T, test func(t *testing.T, flags []string)) {
	t.Helper()
	for _, sanitizers := range testlevel.Some("address,undefined,float-cast-overflow", "thread", "plain") {
		name, _, _ := strings.Cut(sanitizers, ",")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var flags []string
			if sanitizers != "plain" {
				flags = []string{"-fsanitize=" + sanitizers, "-fno-sanitize-recover=all"}
				if !links(t, flags) {
					t.Skipf("%s has no %s sanitizer", Compiler(), sanitizers)
				}
			}
			test(t, flags)
		})
	}
}

// Has reports whether the compiler can make programs with a sanitizer, e.g. "thread", that run here.
func Has(t *testing.T, sanitizer string) bool {
	t.Helper()
	return links(t, []string{"-fsanitize=" + sanitizer})
}

// links reports whether the compiler can make a program with flags that runs.
func links(t *testing.T, flags []string) bool {
	t.Helper()
	program := filepath.Join(t.TempDir(), "empty")
	cmd := exec.Command(Compiler(), append([]string{"-x", "c++", "-", "-o", program}, flags...)...)
	cmd.Stdin = strings.NewReader("int main() { return 0; }")
	return cmd.Run() == nil && steady(program).Run() == nil
}

// steady runs program at fixed addresses where the system can: older thread sanitizers do not cope with the random
// ones of newer kernels.
func steady(program string, args ...string) *exec.Cmd {
	if setarch, err := exec.LookPath("setarch"); err == nil {
		return exec.Command(setarch, append([]string{"-R", program}, args...)...)
	}
	return exec.Command(program, args...)
}

// Run runs a test program, which must end well and print that no check failed.
func Run(t *testing.T, program string, args ...string) {
	t.Helper()
	text, err := steady(program, args...).CombinedOutput()
	if err != nil || !strings.Contains(string(text), ", 0 failed") {
		t.Errorf("%v\n%s", err, text)
	}
}
