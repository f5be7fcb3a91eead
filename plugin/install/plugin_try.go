package install

import (
	"context"
	"errors"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/plugin/install/trial"
)

// Try loads the plug-in at library with the llama-server of i, as its service's user if this one may. It returns the
// line of the log about the head. The error says why the plug-in does not work. trial.ErrNotTried is in its chain if
// that is unknown.
func Try(ctx context.Context, i installation.Installation, library string, beside bool) (string, error) {
	t := trial.Trial{LibDir: i.LibDir, Library: library, Beside: beside}
	if i.Unit != nil && !i.Unit.User {
		t.Account = i.Unit.Account
	}
	said, err := t.Run(ctx)
	if text := unchecked(i); text != "" && err != nil && ctx.Err() == nil && !errors.Is(err, trial.ErrNotTried) {
		err = hint.Wrap(fmt.Errorf("%w (%s)", err, text), hint.Of(err))
	}
	return said, err
}

// try returns the check that work.do makes of a library.
func (t target) try(ctx context.Context) func(library string, beside bool) (string, error) {
	return func(library string, beside bool) (string, error) {
		said, err := Try(ctx, t.ollama, library, beside)
		switch {
		case errors.Is(err, trial.ErrNotTried):
			return "not: " + err.Error(), nil
		case err != nil && ctx.Err() == nil:
			return "", hint.Wrap(fmt.Errorf("nothing is installed: %w", err), hint.Of(err))
		}
		return "a tiny model with this Ollama's llama-server: " + said, err
	}
}
