package maps

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/mapfile"
)

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
