package install

import (
	"context"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// UninstallPlugin removes all that Plugin has installed for this user and, with the rights for it, for the system. A
// file that was changed since stays.
func UninstallPlugin(ctx context.Context, o Options) (Result, error) {
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
		if len(r.Files) == 0 && len(r.Installs) == 0 {
			continue
		}
		placed := r.Installs
		changes, err := r.uninstall(o.DryRun)
		result.Changes = append(result.Changes, changes...)
		if err != nil {
			if hint.Of(err) == "" {
				err = hint.Wrap(err, permission)
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
	return mayChange(append(r.paths(), r.path), "remove files from")
}

// uninstall is takeAway with the lock.
func (r *receipt) uninstall(dryRun bool) ([]Change, error) {
	if !dryRun {
		unlock, err := r.locked()
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	return r.takeAway(dryRun)
}

// takeAway removes everything that the receipt lists. The caller holds the lock.
func (r *receipt) takeAway(dryRun bool) ([]Change, error) {
	if !dryRun {
		r.Installs = nil
		return r.remove(r.paths())
	}
	planned, err := r.removals(r.paths())
	var all []Change
	for _, m := range r.Files {
		if c, ok := planned[m.Path]; ok && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all, err
}

// afterwards adds the commands by which a running server drops the plug-in.
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
