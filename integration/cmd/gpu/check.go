package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/process"
)

// state is the result of a check.
type state string

const (
	passed  state = "passed"
	failed  state = "failed"
	skipped state = "not run"
)

// check is one run of a test program.
type check struct {
	Name    string  `json:"name"`
	State   state   `json:"state"`
	Says    string  `json:"says"` // last line of its output, or why it was not run
	Seconds float64 `json:"seconds"`
}

func (c check) String() string { return fmt.Sprintf("%s: %s, %s", c.Name, c.State, c.Says) }

// testProgram compares the op with plain references for all types, many shapes, ties and numbers that are not finite.
// It also compares the frequencies of drawn clusters with their distribution.
const testProgram = "test-flash-head"

// testOp runs the op's test on the device.
func (d device) testOp(ctx context.Context) check {
	return runCheck(ctx, testProgram, filepath.Join(d.lib, testProgram), d.flags())
}

// sanitizers are the tools of NVIDIA's compute-sanitizer that kernels must pass: accesses out of bounds, races in
// shared memory, missed barriers.
var sanitizers = []string{"memcheck", "racecheck", "synccheck"}

// sanitize runs the op's test under one of the sanitizers.
func (d device) sanitize(ctx context.Context, tool string) check {
	name := testProgram + " under " + tool
	sanitizer, err := exec.LookPath("compute-sanitizer")
	if err != nil {
		sanitizer, err = exec.LookPath("/usr/local/cuda/bin/compute-sanitizer")
	}
	if err != nil {
		return check{Name: name, State: skipped, Says: "compute-sanitizer is not installed; it comes with the CUDA toolkit"}
	}
	args := append([]string{"--tool", tool, "--error-exitcode", "99", filepath.Join(d.lib, testProgram)},
		d.flags()...)
	return runCheck(ctx, name, sanitizer, args)
}

// runCheck runs a program, which passes if its exit status is 0. The output of one that fails goes to standard error.
func runCheck(ctx context.Context, name, program string, args []string) check {
	start := time.Now()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = process.Environment()
	out, err := cmd.CombinedOutput()
	c := check{Name: name, State: passed, Says: lastLine(string(out)), Seconds: time.Since(start).Seconds()}
	if err != nil {
		c.State = failed
		if c.Says == "" {
			c.Says = err.Error()
		}
		fmt.Fprintf(os.Stderr, "\n%s\n", out)
	}
	return c
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
