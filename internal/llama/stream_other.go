//go:build !unix

package llama

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// stream runs cmd, then calls read with the logits that it wrote to a file.
func stream(cmd *exec.Cmd, _ func(), read func(io.Reader) error) (readErr, runErr error) {
	dir, err := os.MkdirTemp("", "fh-ollama-logits-*")
	if err != nil {
		return nil, hint.Wrap(err, "point TMPDIR at a folder that can be written")
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "logits")
	cmd.Args = append(cmd.Args, "--kl-divergence-base", process.Absolute(path))
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return io.ErrUnexpectedEOF, nil // the log says why there is none
	}
	defer file.Close()
	return read(file), nil
}
