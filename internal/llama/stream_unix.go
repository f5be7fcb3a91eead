//go:build unix

package llama

import (
	"errors"
	"io"
	"os"
	"os/exec"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// stream runs cmd and lets read have what it writes as logits, while it writes: no file is needed, and none can be
// left. It returns read's error, upon which stop ends the program, and the program's.
func stream(cmd *exec.Cmd, stop func(), read func(io.Reader) error) (readErr, runErr error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, hint.Wrap(err, "close other programs")
	}
	cmd.ExtraFiles = []*os.File{w} // its file 3
	cmd.Args = append(cmd.Args, "--kl-divergence-base", "/dev/fd/3")
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	readErr = read(r)
	r.Close() // ends a program that goes on writing
	if readErr != nil && !errors.Is(readErr, io.EOF) && !errors.Is(readErr, io.ErrUnexpectedEOF) {
		stop()
	}
	// A program that closed its end early has yet to say why.
	return readErr, cmd.Wait()
}
