// Package trial loads a tiny converted model with an Ollama's own llama-server and the plug-in. Its log is the only
// proof that the plug-in works there: versions and symbols are guesses.
package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/process"
	"github.com/fh-ollama/fh-ollama/internal/synthetic"
)

// Trial is a plug-in and the Ollama that loads it.
type Trial struct {
	LibDir  string // Ollama's folder with llama-server
	Library string // path of the plug-in
	Beside  bool   // llama-server finds Library by itself; otherwise GGML_BACKEND_PATH names it
	Account string // the user that runs llama-server, "" for this one; only root can choose
}

// timeout bounds a trial, which takes a fraction of a second once the libraries are in memory.
const timeout = time.Minute

// ErrNotTried is in the chain of the error when llama-server belongs to another user: we do not run programs of others.
var ErrNotTried = errors.New("it belongs to another user and is not run")

func notTried(server string) error {
	return hint.Wrap(fmt.Errorf("%s: %w", server, ErrNotTried), "run the command as the owner of that file")
}

// Run loads the tiny model, waits for its warm-up, and returns the line of the log that says that the head is active.
// The error says why it is not. Run opens no port and leaves no file.
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
	if t.Beside && log.head() == "" { // llama.cpp does not log why it cannot load a library that it finds by itself
		if log, err = t.start(ctx, server, dir, user, true); err != nil {
			return "", err
		}
	}
	return "", t.why(log)
}

const modelName = "tiny.gguf"

// start runs llama-server until the model is loaded. The error says why it ended before, or that it took too long.
func (t Trial) start(ctx context.Context, server, dir string, user identity, named bool) (*log, error) {
	cmd := exec.Command(server, "-m", modelName, "--host", "trial.sock", "--ctx-size", "64", "-ngl", "0",
		"--log-verbosity", "4")
	cmd.Dir = dir // llama.cpp looks for libraries there too; and the path of a socket must be short
	os.Remove(filepath.Join(dir, "trial.sock"))
	cmd.Env = environment()
	if named {
		cmd.Env = append(cmd.Env, "GGML_BACKEND_PATH="+t.Library)
	}
	l := &log{}
	cmd.Stdout, cmd.Stderr = l, l
	user.apply(cmd)
	p, err := process.Start(cmd)
	if err != nil {
		return l, hint.Wrap(fmt.Errorf("%s cannot be started: %w", server, err),
			"install Ollama again, or see the permissions of that file")
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
		return l, hint.New(fmt.Sprintf("%s does not load a tiny model with the plug-in: %v", server, err),
			"try again when the machine is less busy, or "+own)
	}
}

// environment returns llama-server's environment: English errors, and none of its variables but FLASHHEAD_ANY_HOST, by
// which a user skips this check.
func environment() []string {
	return append(process.Pass(os.Environ(), "FLASHHEAD_ANY_HOST"), "LC_ALL=C")
}

// writeModel writes a converted model with the smallest tensors that take the same code paths as large ones.
func writeModel(path string) error {
	types, err := synthetic.Types([]string{"q8_0"})
	if err != nil {
		return err
	}
	model := synthetic.Model{
		Shape: synthetic.Shape{
			Name: "trial", Architecture: "llama", Width: 64, Layers: 1, FeedForward: 64, Heads: 1, KeyHeads: 1,
			HeadWidth: 64, Vocabulary: 1024,
		},
		Type: types[0], ClusterSize: 16, Version: "trial",
	}
	file, err := model.File()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = file.Write(f, func(int64) error { return nil })
	if err == nil {
		err = f.Chmod(0o644) // whatever the umask
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
