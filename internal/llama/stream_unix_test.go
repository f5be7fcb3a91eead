//go:build unix

package llama

import (
	"io"
	"os/exec"
	"strings"
	"testing"
)

// What a program logs after it closed its stream is kept.
func TestStreamOfAProgramThatGivesUp(t *testing.T) {
	cmd := exec.Command("sh", "-c", "printf _log >&3; exec 3>&-; sleep 0.3; echo the text is too short >&2; exit 1")
	var said strings.Builder
	cmd.Stderr = &said
	readErr, runErr := stream(cmd, func() { _ = cmd.Process.Kill() }, func(r io.Reader) error {
		_, err := io.ReadFull(r, make([]byte, 8))
		return err
	})
	if readErr == nil || runErr == nil || said.String() != "the text is too short\n" {
		t.Errorf("%v, %v, it said %q", readErr, runErr, said.String())
	}
}
