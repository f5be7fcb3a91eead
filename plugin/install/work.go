package install

import (
	"context"
	"errors"
	"io/fs"
	"slices"
)

// work is an installation, planned before anything is changed.
type work struct {
	in      place
	own     *receipt   // as it will be
	others  []*receipt // as they will be; they list the same Ollama
	files   []file     // with those that are up to date
	removes []string   // ours, and no longer needed
	folders []string   // to be created, the outer before the inner
	kept    []Change   // files of ours that somebody edited

	library string // path of the first file, if try judges it; otherwise ""
	beside  bool   // llama.cpp loads the library by its name, so try judges it again under that name
	try     func(path string, beside bool) (said string, err error)
	said    string
}

// file is a file to install. add sets the fields of the second part.
type file struct {
	path string
	data []byte
	mode fs.FileMode
	link string // target of a symbolic link, "" for a regular file
	text bool   // a dry run shows its content

	sum   string // see contentSum
	was   string // sum of the present file
	stage string // temporary name, "" for none
}

// differs reports whether f has to be written.
func (f file) differs() bool { return f.sum != f.was }

// takenError is for a path where somebody else's file is, or ours that was changed.
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

// add plans a file. If the path exists, it must be ours and unchanged.
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

// do installs, in this order:
//
//  1. It writes the receipt, so that uninstall knows of all that follows.
//  2. It writes every file under a temporary name, and tries the library.
//  3. It renames the files, and tries a library that llama.cpp loads by its name.
//  4. It removes what is no longer needed, and writes the final receipt.
//
// A failed trial, or an error before 3, leaves all as before. After a later error the next run completes the work.
func (w *work) do(ctx context.Context) error {
	before, err := w.prepare(ctx)
	defer w.discard()
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

// prepare does steps 1 and 2, and returns the present library, nil for none.
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

// record writes the receipt of what is about to be installed.
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

// discard removes staged files that did not get their names.
func (w *work) discard() {
	for i := range w.files {
		if f := &w.files[i]; f.stage != "" {
			w.in.Remove(f.stage)
			f.stage = ""
		}
	}
}

// takeBack restores the receipt and removes folders that were created.
func (w *work) takeBack() {
	w.discard()
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
