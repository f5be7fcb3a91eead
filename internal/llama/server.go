package llama

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// startTimeout is for a large model on a slow disk.
const startTimeout = 10 * time.Minute

// healthTimeout limits one request for the server's health, which is repeated.
const healthTimeout = 10 * time.Second

// Server is a running llama-server on a loopback port.
type Server struct {
	process *process.Process
	log     *log
	base    string // URL
	client  *http.Client
}

// ServerOptions are the options of a llama-server.
type ServerOptions struct {
	Model    string // path of the GGUF file
	Context  int    // tokens, of all sequences together
	Parallel int    // sequences at a time; 0 stands for 1
	Threads  int
	Settings []string // FlashHead's, as "NAME=value"
	Args     []string // further arguments
}

var listening = regexp.MustCompile(`listening on (http://127\.0\.0\.1:\d+)`)

// Start starts a server on a free port and waits until it answers. It is an error if the head does not run as the
// settings ask. Call Stop when done.
func (p Programs) Start(ctx context.Context, o ServerOptions) (*Server, error) {
	s, err := p.launch(o)
	if err != nil {
		return nil, err
	}
	if err = s.await(ctx); err == nil {
		err = checkHead(s.log.Head(), o.Settings)
	}
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// light makes a server that only loads take little memory and time.
var light = []string{"--no-warmup", "--batch-size", "32", "--ubatch-size", "32"}

// Load loads a model in a server and ends it. It returns FlashHead's lines of the log, also with an error. env are
// variables of the server, as "NAME=value".
func (p Programs) Load(ctx context.Context, model string, env []string) (said []string, err error) {
	s, err := p.launch(ServerOptions{Model: model, Context: 256, Threads: 1, Settings: env, Args: light})
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	err = s.await(ctx)
	return s.log.Head(), err
}

// launch starts a server and returns at once.
func (p Programs) launch(o ServerOptions) (*Server, error) {
	args := append([]string{"--model", process.Absolute(o.Model), "--host", "127.0.0.1", "--port", "0",
		"--ctx-size", strconv.Itoa(o.Context), "--threads", strconv.Itoa(o.Threads),
		"--parallel", strconv.Itoa(max(o.Parallel, 1)), "--no-webui"}, verbose...)
	s := &Server{log: &log{}, client: &http.Client{Transport: &http.Transport{}}} // without a proxy
	cmd := exec.Command(p.path(serverName), append(args, o.Args...)...)
	var err error
	s.process, err = process.Start(command(cmd, o.Settings, s.log))
	if err != nil {
		return nil, hint.Wrap(err, "build the runtime again: fh-ollama build")
	}
	return s, nil
}

// await waits until the server answers.
func (s *Server) await(ctx context.Context) error {
	err := s.process.Await(ctx, startTimeout, func() error { return s.ready(ctx) })
	if errors.Is(err, process.ErrEnded) {
		err = s.ended(0)
	}
	return err
}

// ended waits up to timeout for the server to end and returns why, or nil if it still runs.
func (s *Server) ended(timeout time.Duration) error {
	if err, ended := s.process.Ended(timeout); ended {
		return failed(serverName, err, s.log)
	}
	return nil
}

// ready returns nil once the server answers.
func (s *Server) ready(ctx context.Context) error {
	if s.base == "" {
		found := listening.FindStringSubmatch(s.log.String())
		if found == nil {
			return errors.New("it does not listen")
		}
		s.base = found[1]
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	_, err := s.call(ctx, http.MethodGet, "/health", nil)
	return err
}

// Checks returns whether the dense head checks the tokens that FlashHead proposes.
func (s *Server) Checks() bool {
	return slices.Contains(s.log.Head(), "exact: the dense head checks every token")
}

// Stop ends the server and waits for its end.
func (s *Server) Stop() {
	s.client.CloseIdleConnections()
	s.process.Stop()
}

// Post sends request as JSON to path, such as "/completion", and reads the answer into answer.
func (s *Server) Post(ctx context.Context, path string, request, answer any) error {
	text, err := s.post(ctx, path, request)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

// post is Post that returns the answer's text.
func (s *Server) post(ctx context.Context, path string, request any) ([]byte, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	return s.call(ctx, http.MethodPost, path, body)
}

// call sends a request and returns the answer's text.
func (s *Server) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			if ended := s.ended(time.Second); ended != nil {
				return nil, ended
			}
		}
		return nil, hint.Wrap(fmt.Errorf("%s does not answer: %w", serverName, err),
			"check that this runtime can run the model")
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = hint.New(fmt.Sprintf("%s%s: %s: %s", serverName, path, response.Status, bytes.TrimSpace(text)),
			"check that this runtime can run the model")
	}
	return text, err
}
