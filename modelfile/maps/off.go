package maps

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
)

// TurnOff removes the maps of the weights, and nothing else. It goes on after one fails: the error then says how many
// did.
func TurnOff(ctx context.Context, o Options, all []Weights) error {
	j := &job{Options: o}
	for _, w := range all {
		if ctx.Err() != nil {
			j.showFailed()
			return ctx.Err()
		}
		found, err := j.removeMaps(w)
		switch {
		case err != nil:
			j.fail(w, err)
		case found && !o.DryRun:
			j.done++
			if !w.file {
				o.unload(ctx, w, "the dense head")
			}
		case found:
		case w.State == Converted && !o.All:
			j.fail(w, hint.New("FlashHead is in the model's own file, it has no map",
				"FLASHHEAD_ENABLED=0 turns it off for a server"))
		case len(w.Paths) == 0 && !o.All:
			j.fail(w, hint.New(w.Reason, w.way))
		case !o.All && !w.Draft:
			j.say(w, "is off already")
		}
	}
	if o.All && j.done == 0 && j.failed == nil && !o.DryRun {
		fmt.Fprintln(o.Out, "nothing to do")
	}
	return j.err()
}

// removeMaps removes all maps that a runtime would take for w, one after the other. It reports whether there was one.
func (j *job) removeMaps(w Weights) (found bool, err error) {
	for len(w.Paths) > 0 {
		path, ok := mapfile.Find(w.Paths[0])
		switch {
		case !ok:
			return found, nil
		case w.file && !mapfile.Is(path):
			return found, hint.New(path+" is not a map", "remove it yourself if you do not need it")
		case j.DryRun:
			j.say(w, "would lose its map %s", path)
			return true, nil
		}
		if err := remove(path); err != nil {
			return found, err
		}
		found = true
		j.say(w, "removed %s", path)
	}
	return found, nil
}

// remove removes a map, and what killed writers of it left.
func remove(path string) error {
	atomicfile.RemoveAbandoned(path)
	err := os.Remove(path)
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() > 0 {
		return hint.Wrap(fmt.Errorf("you may not remove %s", path), "run the same command with sudo")
	}
	if err != nil {
		return hint.Wrap(err, "remove it yourself: rm "+commandline.Quote(path))
	}
	return nil
}
