// Package harness starts what the end-to-end tests and the demo run against: a whole Ollama from a prefix, on a
// free loopback port, with its own models, home and log, and always stops it with everything it started.
package harness

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/process"
)

// startTimeout is how long a server may take to answer.
const startTimeout = 30 * time.Second

// Prefix is an assembled Ollama: bin/ollama, bin/fh-ollama and lib/ollama below one directory.
type Prefix string

// Check returns an error unless the prefix holds the programs that the tests run.
func (p Prefix) Check() error {
	for _, file := range []string{p.Bin("ollama"), p.Lib("llama-server"), p.Lib("llama-perplexity")} {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("no Ollama in %s: %w", p, err)
		}
	}
	return nil
}

// Bin is the path of a program in bin.
func (p Prefix) Bin(program string) string { return filepath.Join(string(p), "bin", program) }

// Lib is the path of a program or library in lib/ollama.
func (p Prefix) Lib(name string) string { return filepath.Join(string(p), "lib", "ollama", name) }

// Ollama is a running `ollama serve`.
type Ollama struct {
	Prefix Prefix
	Client *api.Client
	Host   string // for OLLAMA_HOST

	process *process.Process
	env     []string
	log     string
}

// Start runs `ollama serve` of prefix with everything it writes below dir, and waits until it answers. env is added
// to the environment, as "NAME=value". The server's log is dir/serve.log. Call Stop when done.
func Start(ctx context.Context, prefix Prefix, dir string, env ...string) (*Ollama, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(string(prefix))
	if err != nil {
		return nil, err
	}
	prefix = Prefix(absolute)
	o := &Ollama{Prefix: prefix, Host: fmt.Sprintf("127.0.0.1:%d", port), log: filepath.Join(dir, "serve.log")}
	o.Client = api.NewClient(&url.URL{Scheme: "http", Host: o.Host}, http.DefaultClient)
	for _, sub := range []string{"home", "models", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	o.env = append(Environment(dir), "OLLAMA_HOST="+o.Host, "OLLAMA_MODELS="+filepath.Join(dir, "models"),
		"OLLAMA_NUM_PARALLEL=1", "OLLAMA_NOHISTORY=1", "OLLAMA_NOPRUNE=1")
	o.env = append(o.env, env...)
	cmd := exec.Command(prefix.Bin("ollama"), "serve")
	cmd.Env = o.env
	if o.process, err = start(cmd, o.log); err != nil {
		return nil, err
	}
	if err := o.process.Await(ctx, startTimeout, func() error { return o.Client.Heartbeat(ctx) }); err != nil {
		o.Stop()
		return nil, fmt.Errorf("ollama serve: %w\n%s", err, o.Log())
	}
	return o, nil
}

// Stop ends the server and everything it started, and waits for their end.
func (o *Ollama) Stop() { o.process.Stop() }

// PID is the server's process.
func (o *Ollama) PID() int { return o.process.PID() }

// Log is what the server and its runners have logged so far.
func (o *Ollama) Log() string {
	b, _ := os.ReadFile(o.log)
	return string(b)
}

// Command prepares a program that talks to this server, in the server's own environment.
func (o *Ollama) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = o.env
	return cmd
}

// Run runs a program as Command prepares it and returns what it printed to standard output. The error holds what it
// printed to standard error.
func (o *Ollama) Run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := o.Command(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, stderr.String())
	}
	return stdout.String(), nil
}

// Environment is this process's environment without what would steer an Ollama or llama.cpp, and with home and
// temporary files below dir.
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

// makeFolders makes the folders below dir that Environment names.
func makeFolders(dir string) error {
	for _, sub := range []string{"home", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	return nil
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

// start runs cmd with both outputs going to the file log.
func start(cmd *exec.Cmd, log string) (*process.Process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the program has its own copy
	cmd.Stdout, cmd.Stderr = out, out
	return process.Start(cmd)
}

// LogFile is where the server logs; it lies in the folder that Start was given.
func (o *Ollama) LogFile() string { return o.log }
