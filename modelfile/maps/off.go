package maps

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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

// Stores returns the folders of models that hold the weights, and those of others that exist.
func Stores(all []Weights, others []string) []string {
	var stores []string
	for _, w := range all {
		if len(w.Paths) > 0 && !w.file {
			stores = append(stores, filepath.Dir(filepath.Dir(w.Paths[0]))) // …/models/blobs/sha256-…
		}
	}
	for _, dir := range others {
		if info, err := os.Stat(filepath.Join(dir, "blobs")); err == nil && info.IsDir() {
			stores = append(stores, dir)
		}
	}
	for i, store := range stores {
		stores[i] = resolved(store)
	}
	slices.Sort(stores)
	return slices.Compact(stores)
}

// resolved returns path without links, so that a folder has one name.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// Unused returns the paths of the maps in stores, and in the folder that FLASHHEAD_MAPS names, whose blobs are gone. In
// that folder maps of files that are no blobs are never among them: where such a file lies is not known.
func Unused(stores []string) []string {
	var unused []string
	for _, store := range stores {
		unused = append(unused, orphans(filepath.Join(store, mapfile.StoreFolder), []string{store})...)
	}
	if folder := os.Getenv(mapfile.FolderVariable); folder != "" && len(stores) > 0 {
		unused = append(unused, orphans(resolved(folder), stores)...)
	}
	slices.Sort(unused)
	return slices.Compact(unused)
}

// orphans returns the paths of the maps in folder of which no store has the blob.
func orphans(folder string, stores []string) []string {
	entries, _ := os.ReadDir(folder)
	var paths []string
	for _, e := range entries {
		blob := strings.TrimSuffix(e.Name(), ".gguf")
		if _, ok := mapfile.Blob(blob); !ok || blob == e.Name() || !e.Type().IsRegular() {
			continue
		}
		if !slices.ContainsFunc(stores, func(store string) bool {
			_, err := os.Stat(filepath.Join(store, "blobs", blob))
			return !errors.Is(err, fs.ErrNotExist)
		}) {
			paths = append(paths, filepath.Join(folder, e.Name()))
		}
	}
	return paths
}

// RemoveUnused removes the maps at paths, which Unused returned.
func RemoveUnused(o Options, paths []string) error {
	j := &job{Options: o, what: "maps"}
	for _, path := range paths {
		if o.DryRun {
			fmt.Fprintf(o.Out, "would remove %s\n", path)
			continue
		}
		if err := remove(path); err != nil {
			j.failed = append(j.failed, err)
			continue
		}
		fmt.Fprintf(o.Out, "removed %s\n", path)
	}
	if len(paths) == 0 {
		fmt.Fprintln(o.Out, "no map is unused")
	}
	return j.err()
}
