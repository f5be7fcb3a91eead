package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync/atomic"
)

// RPC is a running ggml-rpc-server, which computes for llama-servers elsewhere, behind a relay that counts bytes.
type RPC struct {
	server
	Address string // of the relay, for --rpc
	target  string // address of the server
	relay   net.Listener
	bytes   atomic.Int64
}

// StartRPC runs the prefix's RPC server with args and waits until it answers. Everything that it writes lies below dir.
// env is added to its environment. Call Stop when done.
func StartRPC(ctx context.Context, prefix Prefix, dir string, args []string, env ...string) (*RPC, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &RPC{target: fmt.Sprintf("127.0.0.1:%d", port)}
	cmd := exec.Command(prefix.Lib("ggml-rpc-server"),
		append([]string{"--host", "127.0.0.1", "--port", fmt.Sprint(port), "--threads", "1"}, args...)...)
	cmd.Env = append(Environment(dir), env...)
	if r.server, err = serve(ctx, cmd, dir, "rpc-server.log", r.answers); err != nil {
		return nil, err
	}
	if r.relay, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		r.server.Stop()
		return nil, err
	}
	r.Address = r.relay.Addr().String()
	go r.accept()
	return r, nil
}

// answers returns nil if the server accepts connections.
func (r *RPC) answers() error {
	c, err := net.Dial("tcp", r.target)
	if err != nil {
		return err
	}
	return c.Close()
}

// Stop ends the server and its relay.
func (r *RPC) Stop() {
	r.relay.Close()
	r.server.Stop()
}

// Bytes returns how many bytes have passed the relay, in both directions together.
func (r *RPC) Bytes() int64 { return r.bytes.Load() }

// accept relays connections until the relay is closed.
func (r *RPC) accept() {
	for {
		client, err := r.relay.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.target)
		if err != nil {
			client.Close()
			continue
		}
		go r.pass(client, server)
		go r.pass(server, client)
	}
}

// pass copies and counts the bytes of one direction.
func (r *RPC) pass(from, to net.Conn) {
	defer to.Close()
	_, _ = io.Copy(to, io.TeeReader(from, counter{&r.bytes})) // a closed connection is no error here
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}
