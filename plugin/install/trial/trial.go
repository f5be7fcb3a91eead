// Package trial runs a tiny converted model with an Ollama's own llama-server and the plug-in. What the log says of the
// head is the truth; versions and symbols are only guesses.
package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/process"
	"github.com/fh-ollama/fh-ollama/internal/synthetic"
)

// Trial says what is tried.
type Trial struct {
	LibDir  string // the Ollama's folder with llama-server
	Library string // path of the plug-in
	Beside  bool   // llama-server finds Library by itself; else GGML_BACKEND_PATH names it
	Account string // the user that runs llama-server, "" for this one; only root can choose
}

// timeout bounds a trial. It takes a fraction of a second once the libraries are in memory.
const timeout = time.Minute

// ErrNotTried is in the chain of the error when llama-server belongs to another user, whose programs this one does not run.
var ErrNotTried = errors.New("it belongs to another user and is not run")

func notTried(server string) error {
	return hint.Wrap(fmt.Errorf("%s: %w", server, ErrNotTried), "run the command as the owner of that file")
}

// Run loads the tiny model, runs its warm-up, and returns the log's line that says that the head is active. The error says
// why it is not. No port is opened and nothing is left.
func (t Trial) Run(ctx context.Context) (string, error) {
	server := filepath.Join(t.LibDir, installation.ServerName)
	user, err := account(t.Account, server)
	if err != nil {
		return "", err
	}
	dir, remove, err := user.folder()
	if err != nil {
		return "", hint.Wrap(err, "make that folder, or make room in it, and try again")
	}
	defer remove()
	if err := writeModel(filepath.Join(dir, modelName)); err != nil {
		return "", hint.Wrap(err, "make room there and try again")
	}
	log, err := t.start(ctx, server, dir, user, !t.Beside)
	if err != nil || log.active() != "" {
		return log.active(), err
	}
	if t.Beside && log.head() == "" { // llama.cpp is silent about libraries that it finds by itself
		if log, err = t.start(ctx, server, dir, user, true); err != nil {
			return "", err
		}
	}
	return "", t.why(log)
}

const modelName = "tiny.gguf"

// start runs llama-server until the model is loaded. The error is for a server that ended, or did not get that far, and
// said nothing of the plug-in.
func (t Trial) start(ctx context.Context, server, dir string, user identity, named bool) (*log, error) {
	cmd := exec.Command(server, "-m", modelName, "--host", "trial.sock", "--ctx-size", "64", "-ngl", "0", "--log-verbosity", "4")
	cmd.Dir = dir // where llama.cpp looks for libraries, too; a short name for the socket
	os.Remove(filepath.Join(dir, "trial.sock"))
	cmd.Env = environment(os.Environ())
	if named {
		cmd.Env = append(cmd.Env, "GGML_BACKEND_PATH="+t.Library)
	}
	l := &log{}
	cmd.Stdout, cmd.Stderr = l, l
	user.apply(cmd)
	p, err := process.Start(cmd)
	if err != nil {
		return l, hint.Wrap(fmt.Errorf("%s cannot be started: %w", server, err), "install Ollama again, or see the permissions of that file")
	}
	defer p.Stop()
	err = p.Await(ctx, timeout, func() error {
		if !l.loaded() {
			return errors.New("the model is not loaded")
		}
		return nil
	})
	switch {
	case err == nil || ctx.Err() != nil:
		return l, ctx.Err()
	case errors.Is(err, process.ErrEnded) && l.loaded() && cmd.ProcessState.Success():
		return l, nil
	case errors.Is(err, process.ErrEnded):
		return l, t.ended(cmd.ProcessState, l)
	default:
		return l, hint.New(fmt.Sprintf("%s does not load a tiny model with the plug-in: %v", server, err), "try again when the machine is less busy, or "+own)
	}
}

// environment is what llama-server gets: no variable of the user's that steers it, and errors in English.
func environment(environ []string) []string {
	env := []string{"LC_ALL=C"}
	for _, v := range environ {
		switch name, _, _ := strings.Cut(v, "="); name {
		case "PATH", "HOME", "TMPDIR", "FLASHHEAD_ANY_HOST": // the last is a user's decision about this very check
			env = append(env, v)
		}
	}
	return env
}

// writeModel writes a converted model with the smallest tensors that use the same code as large ones.
func writeModel(path string) error {
	types, err := synthetic.Types([]string{"q8_0"})
	if err != nil {
		return err
	}
	model := synthetic.Model{
		Shape: synthetic.Shape{Name: "trial", Architecture: "llama", Width: 64, Layers: 1, FeedForward: 64, Heads: 1, KeyHeads: 1, HeadWidth: 64, Vocabulary: 1024},
		Type:  types[0], ClusterSize: 16, Version: "trial",
	}
	file, err := model.File()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = file.Write(io.Writer(f), func(int64) error { return nil })
	if err == nil {
		err = f.Chmod(0o644) // whatever the umask
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
