package install

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// work is one installation, planned before anything is changed.
type work struct {
	in      place
	own     *receipt   // of what is installed, as it will be
	others  []*receipt // that list the same Ollama, as they will be
	files   []file
	removes []string // ours, and no longer needed
	folders []string // to be created, the outer first
	kept    []Change

	library string // the file that try judges; "" for none
	beside  bool   // it is loaded by its name, and judged again when it has that
	try     func(path string, beside bool) (said string, err error)
	said    string
}

// file is one that is installed.
type file struct {
	path string
	data []byte // of a regular file
	mode fs.FileMode
	link string // target of a symbolic link
	text bool   // a dry run shows it

	sum   string
	was   string // sum of what is there
	shut  bool   // what is there is the same, but its mode lacks something
	stage string // temporary name
}

// differs tells whether f has to be written.
func (f file) differs() bool { return f.sum != f.was || f.shut }

// takenError says that a path is taken by a file that is not, or no longer, as it was installed.
type takenError struct {
	path   string
	listed bool
}

func (e takenError) Error() string {
	if e.listed {
		return e.path + " was changed since it was installed"
	}
	return e.path + " exists and was not installed by fh-ollama"
}

// add plans a file. One that exists must be ours.
func (w *work) add(f file) error {
	var err error
	if f.was, err = contentSum(w.in, f.path); err != nil {
		return err
	}
	f.sum = sumOf(f)
	listed := w.own.file(f.path)
	if f.was != "" && (listed == nil || !listed.is(f.was) && f.was != f.sum) {
		return takenError{at(w.in, f.path), listed != nil}
	}
	if f.sum == f.was && f.link == "" {
		info, err := w.in.Lstat(f.path)
		f.shut = err == nil && f.mode&^info.Mode().Perm() != 0
	}
	w.files = append(w.files, f)
	w.needFolder(dirOf(w.in, f.path))
	return nil
}

func (w *work) needFolder(dir string) {
	for _, folder := range missing(w.in, dir) {
		if !slices.Contains(w.folders, folder) {
			w.folders = append(w.folders, folder)
		}
	}
}

// do writes the receipt first, so that uninstall knows whatever happens. It stages all files beside their places, has
// the library tried, and renames them. An error before that changes nothing; after one later, a second run completes
// the work.
func (w *work) do(ctx context.Context) error {
	before, err := w.prepare(ctx)
	defer func() {
		for _, f := range w.files {
			if f.stage != "" {
				w.in.Remove(f.stage)
			}
		}
	}()
	if err != nil {
		w.takeBack()
		return err
	}
	for i := range w.files {
		f := &w.files[i]
		if f.differs() {
			if err := w.in.Rename(f.stage, f.path); err != nil {
				return err
			}
			f.stage = ""
		}
		if f.path == w.library && w.beside {
			if w.said, err = w.try(f.path, true); err != nil {
				if before == nil && w.in.Remove(f.path) == nil || before != nil && replace(w.in, *before) == nil {
					w.takeBack()
				}
				return err
			}
		}
	}
	for i := range w.own.Files {
		w.own.Files[i].Was = ""
	}
	for _, r := range append(w.others, w.own) {
		if _, err := r.remove(w.removes); err != nil {
			return err
		}
	}
	return nil
}

// prepare does all that comes before the first file changes, and returns the library as it was, nil for none.
func (w *work) prepare(ctx context.Context) (before *file, err error) {
	if err := makeFolders(w.in, missing(w.in, dirOf(w.in, w.own.path))); err != nil {
		return nil, err
	}
	if err := w.record(); err != nil {
		return nil, err
	}
	if err := makeFolders(w.in, w.folders); err != nil {
		return nil, err
	}
	for i := range w.files {
		f := &w.files[i]
		sweep(w.in, f.path)
		if !f.differs() && f.path != w.library {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if f.stage, err = stage(w.in, *f); err != nil {
			return nil, err
		}
		if f.path != w.library {
			continue
		}
		if w.said, err = w.try(f.stage, false); err != nil {
			return nil, err
		}
		if f.was != "" && w.beside {
			before = &file{path: f.path, mode: f.mode}
			if before.data, err = w.in.ReadFile(f.path); err != nil {
				return nil, err
			}
		}
	}
	return before, nil
}

// record writes the receipt of what is about to be done.
func (w *work) record() error {
	sweep(w.in, w.own.path)
	for _, f := range w.files {
		m := made{Path: f.path, SHA256: f.sum}
		if f.was != f.sum {
			m.Was = f.was
		}
		if listed := w.own.file(f.path); listed != nil {
			*listed = m
		} else {
			w.own.Files = append(w.own.Files, m)
		}
	}
	for _, folder := range w.folders {
		if !slices.Contains(w.own.Folders, folder) {
			w.own.Folders = append(w.own.Folders, folder)
		}
	}
	return w.own.save()
}

// takeBack restores the receipt and removes folders that were created. What fails stays in the receipt.
func (w *work) takeBack() {
	for i := range w.files {
		if f := &w.files[i]; f.stage != "" && w.in.Remove(f.stage) == nil {
			f.stage = ""
		}
	}
	var err error
	if w.own.read != nil {
		err = replace(w.in, file{path: w.own.path, data: w.own.read, mode: 0o644})
	} else {
		err = w.in.Remove(w.own.path)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		removeEmpty(w.in, w.folders)
	}
}

// refused returns an error if this user may not do all of it.
func (w *work) refused() error {
	var paths []string
	for _, f := range w.files {
		if f.differs() {
			paths = append(paths, f.path)
		}
	}
	paths = append(paths, w.removes...)
	for _, r := range append(w.others, w.own) {
		paths = append(paths, r.path)
	}
	for _, path := range paths {
		if dir := nearest(path); !mayWrite(dir) {
			return fmt.Errorf("you may not write into %s", dir)
		}
	}
	return nil
}

func (w *work) changes() []Change {
	var all []Change
	for _, f := range w.files {
		c := Change{Verb: "place", Path: f.path}
		if f.text {
			c.Text = string(f.data)
		}
		switch {
		case !f.differs():
			c.Verb, c.Note, c.Text = "keep", "it is up to date", ""
		case f.was != "":
			c.Verb = "update"
		}
		all = append(all, c)
	}
	all = append(all, w.kept...)
	for _, path := range w.removes {
		all = append(all, Change{Verb: "remove", Path: path})
	}
	return all
}

// replace writes f under a temporary name and renames it.
func replace(in place, f file) error {
	tmp, err := stage(in, f)
	if err != nil {
		return err
	}
	if err := in.Rename(tmp, f.path); err != nil {
		in.Remove(tmp)
		return err
	}
	return nil
}

// stage writes f under a temporary name beside its own, which neither systemd nor llama.cpp loads by itself. Its mode
// does not depend on the umask: a service has a user of its own.
func stage(in place, f file) (tmp string, err error) {
	tmp = strings.TrimSuffix(f.path, filepath.Base(f.path)) + partialPrefix(f.path) + rand.Text()[:8]
	if f.link != "" {
		return tmp, in.Symlink(f.link, tmp)
	}
	out, err := in.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
	if err != nil {
		return "", err
	}
	_, err = out.Write(f.data)
	if err == nil {
		err = out.Chmod(f.mode)
	}
	if err == nil {
		err = out.Sync()
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		in.Remove(tmp)
		return "", err
	}
	return tmp, nil
}

func partialPrefix(path string) string { return "." + filepath.Base(path) + ".partial-" }

var partialSuffix = regexp.MustCompile(`^[A-Z2-7]{8}$`)

// sweep removes what killed writers of the file at path left. The caller holds the lock, so nobody else writes.
func sweep(in place, path string) {
	dir, err := in.Open(dirOf(in, path))
	if err != nil {
		return
	}
	defer dir.Close()
	entries, _ := dir.ReadDir(-1)
	for _, e := range entries {
		suffix, found := strings.CutPrefix(e.Name(), partialPrefix(path))
		if found && partialSuffix.MatchString(suffix) && !e.IsDir() {
			in.Remove(strings.TrimSuffix(path, filepath.Base(path)) + e.Name())
		}
	}
}
