package placement

import (
	"context"
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// Uninstall takes away all that Install has placed for this user and, with the rights for it, for the system. A file
// that was changed since is left.
func Uninstall(ctx context.Context, o Options) (Result, error) {
	result := Result{DryRun: o.DryRun}
	receipts, err := readReceipts(o.Places)
	if err != nil {
		return result, err
	}
	for _, r := range receipts {
		if err := ctx.Err(); err != nil {
			return result, err
		}
		if err := r.refused(); err != nil {
			return result, hint.Wrap(err, "run: sudo "+commandline.Quote(o.Program)+" uninstall")
		}
		placed := r.Installs
		changes, err := r.takeAway(o.DryRun)
		result.Changes = append(result.Changes, changes...)
		if err != nil {
			if hint.Of(err) == "" {
				err = hint.Wrap(err, "give yourself permission there and try again")
			}
			return result, err
		}
		for _, p := range placed {
			o.afterwards(&result, p)
		}
	}
	return result, nil
}

// refused returns an error if this user may not remove what the receipt lists.
func (r *receipt) refused() error {
	if len(r.Files) == 0 {
		return nil
	}
	paths := []string{r.path}
	for _, m := range r.Files {
		paths = append(paths, m.Path)
	}
	for _, path := range paths {
		if dir := nearest(path); !mayWrite(dir) {
			return fmt.Errorf("you may not remove files from %s", dir)
		}
	}
	return nil
}

// takeAway removes everything that the receipt lists.
func (r *receipt) takeAway(dryRun bool) ([]Change, error) {
	if dryRun {
		var all []Change
		for _, m := range r.Files {
			c, err := m.removal()
			if err != nil {
				return all, err
			}
			if c.Verb != "" {
				all = append(all, c)
			}
		}
		return all, nil
	}
	if len(r.Files) == 0 && len(r.Installs) == 0 {
		return nil, nil
	}
	unlock, err := r.locked()
	if err != nil {
		return nil, err
	}
	defer unlock()
	var paths []string
	for _, m := range r.Files {
		paths = append(paths, m.Path)
	}
	r.Installs = nil
	return r.remove(paths)
}

// afterwards tells how a running server loses the plug-in that it has.
func (o Options) afterwards(r *Result, p Placed) {
	add := func(list *[]string, line string) {
		if !slices.Contains(*list, line) {
			*list = append(*list, line)
		}
	}
	switch {
	case p.Unit != "":
		add(&r.Next, o.restart(installation.Unit{Name: p.Unit, User: p.User}))
	case p.Beside:
		add(&r.Notes, "models that run now keep the plug-in until they are unloaded, e.g. by `ollama stop NAME`")
	default:
		add(&r.Notes, "start `ollama serve` without GGML_BACKEND_PATH from now on")
	}
}
