package install

import (
	"context"
	"errors"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/plugin/install/trial"
)

// Try loads the plug-in at library with the llama-server of i, as the user who runs it where this one may. It returns
// what the log says of the head. The error says why the plug-in does not work; trial.ErrNotTried is in its chain if
// nobody knows.
func Try(ctx context.Context, i installation.Installation, library string, beside bool) (string, error) {
	t := trial.Trial{LibDir: i.LibDir, Library: library, Beside: beside}
	if i.Unit != nil && !i.Unit.User {
		t.Account = i.Unit.Account
	}
	return t.Run(ctx)
}

// try returns what work.do asks about a library in its place.
func (t target) try(ctx context.Context) func(library string, beside bool) (string, error) {
	return func(library string, beside bool) (string, error) {
		said, err := Try(ctx, t.ollama, library, beside)
		if err == nil && t.gpu != nil && !beside {
			err = t.keepsGPU(ctx, library)
		}
		switch {
		case errors.Is(err, trial.ErrNotTried):
			return "not: " + err.Error(), nil
		case err != nil && ctx.Err() == nil:
			cause := fmt.Errorf("nothing is installed: %w", err)
			if text, _ := Unchecked(t.ollama); text != "" {
				cause = fmt.Errorf("%w (%s)", cause, text)
			}
			return "", hint.Wrap(cause, hint.Of(err))
		}
		return "a tiny model with this Ollama's llama-server: " + said, err
	}
}

// keepsGPU returns an error if Ollama would lose its GPU by the plug-in at library.
func (t target) keepsGPU(ctx context.Context, library string) error {
	listed, err := trial.Trial{LibDir: t.ollama.LibDir, Library: library}.Listed(ctx)
	if err == nil && listed {
		return hint.New(fmt.Sprintf("this plug-in shows itself among the devices, so Ollama would lose the %s", t.gpu.Name),
			"build a newer one: fh-ollama build --plugin")
	}
	return err
}
