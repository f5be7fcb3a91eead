package placement

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// do writes the receipt first, so that whatever happens is known to it, then the files. The plug-in is tried in its folder
// before it gets its name, and again under a name that llama.cpp finds; if it does not work, all is as before. do returns what
// try said.
func (w *work) do(try func(library string, beside bool) (string, error)) (string, error) {
	if err := makeFolders(missing(filepath.Dir(w.own.path))); err != nil {
		return "", w.unfinished(err)
	}
	unlock, err := w.own.locked()
	if err != nil {
		return "", err
	}
	defer unlock()
	sweep(w.own.path)
	if err := w.record(); err != nil {
		return "", w.unfinished(err)
	}
	if err := makeFolders(w.folders); err != nil {
		return "", w.unfinished(err)
	}
	said, err := w.tryStaged(try)
	if err != nil {
		w.takeBack(nil)
		return "", err
	}
	for i, f := range w.writes {
		sweep(f.path)
		if !f.same() {
			if err := replace(f.path, f.data, f.mode); err != nil {
				return "", w.unfinished(err)
			}
		}
		if f.path == w.library && w.beside {
			if said, err = try(f.path, true); err != nil {
				w.takeBack(w.writes[:i+1])
				return "", err
			}
		}
	}
	for i := range w.own.Files {
		w.own.Files[i].Was = ""
	}
	for _, r := range append(w.others, w.own) {
		if _, err := r.remove(w.removes); err != nil {
			return "", w.unfinished(err)
		}
	}
	return said, nil
}

// tryStaged tries the plug-in where it will lie, under a temporary name.
func (w *work) tryStaged(try func(library string, beside bool) (string, error)) (string, error) {
	f := w.writes[slices.IndexFunc(w.writes, func(f write) bool { return f.path == w.library })]
	sweep(f.path)
	tmp, err := stage(f.path, f.data, f.mode)
	if err != nil {
		return "", w.unfinished(err)
	}
	defer os.Remove(tmp)
	return try(tmp, false)
}

// takeBack undoes what do has done up to the files that it wrote. What cannot be undone stays in the receipt.
func (w *work) takeBack(written []write) {
	for _, f := range written {
		switch {
		case f.same():
		case f.old != nil:
			if replace(f.path, f.old.data, f.old.mode) != nil {
				return
			}
		case os.Remove(f.path) != nil:
			return
		}
	}
	if w.own.read != nil {
		replace(w.own.path, w.own.read, 0o644)
		removeEmpty(w.folders)
		return
	}
	if os.Remove(w.own.path) == nil {
		removeEmpty(w.folders)
	}
}

// record writes the receipt of what is about to be done.
func (w *work) record() error {
	for _, f := range w.writes {
		m := made{Path: f.path, SHA256: sum(f.data)}
		if f.old != nil {
			m.Was = sum(f.old.data)
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

func (w *work) unfinished(err error) error {
	return hint.Wrap(err, "make room, give yourself permission there and try again; fh-ollama uninstall removes what was done")
}

// remove removes those of paths that the receipt lists and that are as they were made, and the folders that are empty
// then, and saves the receipt. It returns what it did with each. All are looked at before the first is removed; after an error
// the receipt lists what is left.
func (r *receipt) remove(paths []string) ([]Change, error) {
	planned := map[string]Change{}
	for _, path := range paths {
		if m := r.file(path); m != nil {
			c, err := m.removal()
			if err != nil {
				return nil, err
			}
			planned[path] = c
		}
	}
	var done []Change
	for _, path := range paths {
		c, listed := planned[path]
		if !listed {
			continue
		}
		sweep(path)
		if c.Verb == "remove" {
			if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
				r.save()
				return done, err
			}
		}
		if c.Verb != "" {
			done = append(done, c)
		}
		r.Files = slices.DeleteFunc(r.Files, func(m made) bool { return m.Path == path })
	}
	sweep(r.path)
	if err := r.save(); err != nil {
		return done, err
	}
	if left := removeEmpty(r.Folders); len(left) != len(r.Folders) {
		r.Folders = left
		return done, r.save()
	}
	return done, nil
}

// removal is what becomes of a file that is to go; nothing if it is gone.
func (m made) removal() (Change, error) {
	s, err := m.state()
	switch {
	case err != nil:
		return Change{}, err
	case s == intact:
		return Change{Verb: "remove", Path: m.Path}, nil
	case s == changed:
		note := "it was changed since it was installed; remove it yourself if it is not needed"
		if slices.Contains(dropInNames, filepath.Base(m.Path)) {
			note = "it was changed since it was installed; remove its line with GGML_BACKEND_PATH, or the file if nothing else is in it"
		}
		return Change{Verb: "keep", Path: m.Path, Note: note}, nil
	}
	return Change{}, nil
}
