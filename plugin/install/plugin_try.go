package install

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/ggmlhead"
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

// hostsFile lists the versions of ggml that the plug-in was checked with. It is compiled into the plug-in.
const hostsFile = "hosts/plugin/flash-head-hosts.inc"

// hostLine is a version of ggml, its commit, and the Ollama that has it.
var hostLine = regexp.MustCompile(`(?m)^FLASH_HEAD_HOST\("([^"]+)", "([^"]+)", "([^"]+)"\)`)

// unchecked returns a note that the plug-in was not checked with the ggml of i; "" if it was, or if that is unknown. It
// is a guess before a trial, and an explanation afterwards.
func unchecked(i installation.Installation) string {
	version := i.GGML()
	text, err := ggmlhead.Sources.ReadFile(hostsFile)
	if version == "" || err != nil {
		return ""
	}
	var known []string
	for _, m := range hostLine.FindAllStringSubmatch(string(text), -1) {
		if m[1] == version {
			return ""
		}
		if host := fmt.Sprintf("%s (Ollama %s)", m[1], m[3]); !slices.Contains(known, host) {
			known = append(known, host)
		}
	}
	return fmt.Sprintf("this Ollama has ggml %s, and the plug-in was checked with %s", version, strings.Join(known, ", "))
}
