// Package harness runs Ollama and llama.cpp for tests and for the programs of integration/cmd. Every server has a free
// loopback port, models, home and log of its own, and is stopped with everything that it started.
package harness

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ollama/ollama/api"
)

// Prefix is an assembled Ollama: bin/ollama, bin/fh-ollama and lib/ollama below one directory.
type Prefix string

// Check returns an error unless the prefix holds the programs that tests run.
func (p Prefix) Check() error {
	for _, file := range []string{p.Bin("ollama"), p.Lib("llama-server"), p.Lib("llama-perplexity")} {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("no Ollama in %s: %w", p, err)
		}
	}
	return nil
}

// Bin returns the path of a program in bin.
func (p Prefix) Bin(program string) string { return filepath.Join(string(p), "bin", program) }

// Lib returns the path of a program or library in lib/ollama.
func (p Prefix) Lib(name string) string { return filepath.Join(string(p), "lib", "ollama", name) }

// Ollama is a running `ollama serve`.
type Ollama struct {
	server
	Prefix Prefix
	Client *api.Client
	Host   string // for OLLAMA_HOST
	env    []string
}

// Start runs `ollama serve` of prefix and waits until it answers. Everything that it writes lies below dir, its log in
// dir/serve.log. env, as "NAME=value", is added to its environment. Call Stop when done.
func Start(ctx context.Context, prefix Prefix, dir string, env ...string) (*Ollama, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(string(prefix))
	if err != nil {
		return nil, err
	}
	models := filepath.Join(dir, "models")
	if err := os.MkdirAll(models, 0o700); err != nil {
		return nil, err
	}
	o := &Ollama{Prefix: Prefix(absolute), Host: fmt.Sprintf("127.0.0.1:%d", port)}
	o.Client = api.NewClient(&url.URL{Scheme: "http", Host: o.Host}, http.DefaultClient)
	o.env = append(Environment(dir), "OLLAMA_HOST="+o.Host, "OLLAMA_MODELS="+models,
		"OLLAMA_NUM_PARALLEL=1", "OLLAMA_NOHISTORY=1", "OLLAMA_NOPRUNE=1")
	o.env = append(o.env, env...)
	cmd := exec.Command(o.Prefix.Bin("ollama"), "serve")
	cmd.Env = o.env
	if o.server, err = serve(ctx, cmd, dir, "serve.log", func() error { return o.Client.Heartbeat(ctx) }); err != nil {
		return nil, err
	}
	return o, nil
}

// Command prepares a program that talks to this server, in the server's own environment.
func (o *Ollama) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = o.env
	return cmd
}

// Run runs a program as Command prepares it and returns its standard output. An error holds its standard error.
func (o *Ollama) Run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := o.Command(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, stderr.String())
	}
	return stdout.String(), nil
}
