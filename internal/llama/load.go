package llama

import (
	"context"
	"errors"
	"os/exec"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// ServerIn returns the llama-server in dir and nothing else; false if there is none.
func ServerIn(dir string) (Programs, bool) { return server(dir) }

// light makes a server take little memory and time: it will not be asked anything.
var light = []string{"--no-warmup", "--batch-size", "32", "--ubatch-size", "32"}

// Load loads a model as a server does and ends it again. It returns what FlashHead said, a line each, also with an
// error, which is that of a model that cannot be loaded. env are variables of the server, as "NAME=value".
func (p Programs) Load(ctx context.Context, model string, env []string) (said []string, err error) {
	s, err := p.launch(ServerOptions{Model: model, Context: 256, Threads: 1, Settings: env, Args: light})
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	err = s.process.Await(ctx, startTimeout, func() error { return s.ready(ctx) })
	if errors.Is(err, process.ErrEnded) {
		err = s.ended(0)
	}
	return s.log.Head(), err
}

// launch starts a server and returns at once.
func (p Programs) launch(o ServerOptions) (*Server, error) {
	s := newServer()
	var err error
	s.process, err = process.Start(command(exec.Command(p.server, append(o.arguments(), o.Args...)...), o.Settings, s.log))
	if err != nil {
		return nil, hint.Wrap(err, "build the runtime again: fh-ollama build")
	}
	return s, nil
}
