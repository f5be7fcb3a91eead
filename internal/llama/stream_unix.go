//go:build unix

package llama

import (
	"errors"
	"io"
	"os"
	"os/exec"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// stream runs cmd and calls read with its logits through a pipe, so no file can be left behind. If read fails, stop
// must end the program.
func stream(cmd *exec.Cmd, stop func(), read func(io.Reader) error) (readErr, runErr error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, hint.Wrap(err, "close other programs")
	}
	cmd.ExtraFiles = []*os.File{w} // file descriptor 3
	cmd.Args = append(cmd.Args, "--kl-divergence-base", "/dev/fd/3")
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	readErr = read(r)
	r.Close() // a program that still writes gets SIGPIPE
	if readErr != nil && !errors.Is(readErr, io.EOF) && !errors.Is(readErr, io.ErrUnexpectedEOF) {
		stop()
	}
	// A program that closed its end early still has to log why.
	return readErr, cmd.Wait()
}
