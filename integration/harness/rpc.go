package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"

	"github.com/fh-ollama/fh-ollama/internal/process"
)

// RPC is a running server of ggml's RPC, which computes for llama-servers elsewhere, and a relay in front of it.
type RPC struct {
	Address string // of the relay, for --rpc

	process *process.Process
	relay   net.Listener
	server  string
	log     string
	bytes   atomic.Int64
}

// StartRPC runs the prefix's RPC server with args, with its log and everything it writes below dir and env added to its
// environment. Call Stop when done.
func StartRPC(ctx context.Context, prefix Prefix, dir string, args []string, env ...string) (*RPC, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	if err := makeFolders(dir); err != nil {
		return nil, err
	}
	r := &RPC{server: fmt.Sprintf("127.0.0.1:%d", port), log: filepath.Join(dir, "rpc-server.log")}
	cmd := exec.Command(prefix.Lib("ggml-rpc-server"), append([]string{"--host", "127.0.0.1", "--port", fmt.Sprint(port), "--threads", "1"}, args...)...)
	cmd.Env = append(Environment(dir), env...)
	if r.process, err = start(cmd, r.log); err != nil {
		return nil, err
	}
	if err := r.process.Await(ctx, startTimeout, r.answers); err != nil {
		r.Stop()
		return nil, fmt.Errorf("ggml-rpc-server: %w\n%s", err, r.Log())
	}
	if r.relay, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		r.Stop()
		return nil, err
	}
	r.Address = r.relay.Addr().String()
	go r.accept()
	return r, nil
}

// answers returns nil if the server takes connections.
func (r *RPC) answers() error {
	c, err := net.Dial("tcp", r.server)
	if err != nil {
		return err
	}
	return c.Close()
}

// Stop ends the server and its relay.
func (r *RPC) Stop() {
	if r.relay != nil {
		r.relay.Close()
	}
	r.process.Stop()
}

// Log is what the server has logged so far.
func (r *RPC) Log() string {
	b, _ := os.ReadFile(r.log)
	return string(b)
}

// Bytes is how many went through the relay so far, both ways together.
func (r *RPC) Bytes() int64 { return r.bytes.Load() }

// accept relays connections until the relay is closed.
func (r *RPC) accept() {
	for {
		client, err := r.relay.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.server)
		if err != nil {
			client.Close()
			continue
		}
		go r.pass(client, server)
		go r.pass(server, client)
	}
}

// pass copies and counts what one side says, and hangs up on the other when it ends.
func (r *RPC) pass(from, to net.Conn) {
	defer to.Close()
	_, _ = io.Copy(to, io.TeeReader(from, counter{&r.bytes})) // an end of the connection is no error here
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}
