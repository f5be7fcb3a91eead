package harness

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/process"
)

// startTimeout is how long a server may take to answer.
const startTimeout = 5 * time.Minute

// server is a program that runs until it is stopped.
type server struct {
	process *process.Process
	log     string // path
}

// Stop ends the server with everything that it started, and waits for their end.
func (s *server) Stop() { s.process.Stop() }

// PID returns the server's process ID.
func (s *server) PID() int { return s.process.PID() }

// Log returns what the server and its children have logged so far.
func (s *server) Log() string {
	b, _ := os.ReadFile(s.log)
	return string(b)
}

// Dir returns the folder that the server was started with.
func (s *server) Dir() string { return filepath.Dir(s.log) }

// serve runs cmd with the folders that Environment names and its output in dir/log, and waits until answers returns
// nil.
func serve(ctx context.Context, cmd *exec.Cmd, dir, log string, answers func() error) (server, error) {
	for _, sub := range []string{"home", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return server{}, err
		}
	}
	s := server{log: filepath.Join(dir, log)}
	out, err := os.Create(s.log)
	if err != nil {
		return server{}, err
	}
	defer out.Close() // the program has its own copy
	cmd.Stdout, cmd.Stderr = out, out
	if s.process, err = process.Start(cmd); err != nil {
		return server{}, err
	}
	if err := s.process.Await(ctx, startTimeout, answers); err != nil {
		s.Stop()
		return server{}, fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, s.Log())
	}
	return s, nil
}

// Environment returns this process's environment without the settings of Ollama, llama.cpp and FlashHead, and with home
// and temporary files below dir.
func Environment(dir string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		if name == "HOME" || name == "TMPDIR" {
			return true
		}
		return slices.ContainsFunc([]string{"OLLAMA_", "FLASHHEAD_", "FH_OLLAMA_", "GGML_", "LLAMA_", "XDG_"},
			func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	})
	return append(env, "HOME="+filepath.Join(dir, "home"), "TMPDIR="+filepath.Join(dir, "tmp"))
}

// FreePort returns a loopback port that nothing listens on.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
