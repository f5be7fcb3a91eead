package install

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

const permission = "give yourself permission there and try again"

// plan plans the installation of the plug-in from for t.
func (o Options) plan(t target, from plugin) (*work, error) {
	receipts, err := readReceipts(o.Places)
	if err != nil {
		return nil, err
	}
	w := &work{in: anywhere{}, library: t.library, beside: o.IntoLib}
	w.own = receipts[slices.IndexFunc(receipts, func(r *receipt) bool { return r.path == t.receipt })]

	placed := Placed{Ollama: t.ollama.Program, Library: t.library, Beside: o.IntoLib}
	files := slices.DeleteFunc(t.kit.files, func(f file) bool { return f.path == t.library })
	for _, f := range append([]file{{path: t.library, data: from.library, mode: 0o644}}, files...) {
		if err := w.place(f); err != nil {
			return nil, err
		}
		placed.Files = append(placed.Files, f.path)
	}
	if t.dropIn != "" {
		placed.Unit, placed.User = t.ollama.Unit.Name, t.ollama.Unit.User
		if err := w.addDropIn(t); err != nil {
			return nil, err
		}
		placed.Files = append(placed.Files, t.dropIn)
	}
	for _, r := range receipts {
		if r.lists(placed.Ollama) && r != w.own {
			w.others = append(w.others, r)
		}
		w.removes = append(w.removes, r.forget(placed.Ollama)...)
	}
	w.removes = slices.DeleteFunc(w.removes, func(path string) bool { return slices.Contains(placed.Files, path) })
	w.own.Installs = append(w.own.Installs, placed)
	w.needFolder(filepath.Dir(w.own.path))
	return w, nil
}

// place is add with a hint in its error.
func (w *work) place(f file) error {
	err := w.add(f)
	var taken takenError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &taken):
		return hint.Wrap(err, permission)
	case taken.listed:
		return hint.Wrap(err, "move it away and try again")
	default:
		return hint.Wrap(err, "see whose it is and move it away, then try again")
	}
}

// addDropIn plans the drop-in. An edited one that names the library stays.
func (w *work) addDropIn(t target) error {
	err := w.place(file{path: t.dropIn, data: []byte(dropIn(t.library)), mode: 0o644, text: true})
	u := t.ollama.Unit
	if errors.As(err, new(takenError)) && u.BackendPath == t.library && u.SetBy == t.dropIn {
		w.kept = append(w.kept, Change{Verb: "keep", Path: t.dropIn,
			Note: "it was changed since, and does what it has to"})
		return nil
	}
	return err
}

// doLocked does w with the receipt locked.
func (w *work) doLocked(ctx context.Context) error {
	if err := makeFolders(w.in, missing(w.in, filepath.Dir(w.own.path))); err != nil {
		return unfinished(err)
	}
	unlock, err := w.own.locked()
	if err != nil {
		return err
	}
	defer unlock()
	return unfinished(w.do(ctx))
}

func unfinished(err error) error {
	if err == nil || hint.Of(err) != "" {
		return err
	}
	return hint.Wrap(err, "make room, give yourself permission there and try again; fh-ollama uninstall removes what "+
		"was done")
}

// refused returns an error if this user may not write or remove all of it.
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
	return mayChange(paths, "write into")
}

// mayChange returns an error if this user may not make or remove files at paths. what is for the error.
func mayChange(paths []string, what string) error {
	for _, path := range paths {
		if dir := nearest(path); !mayWrite(dir) {
			return fmt.Errorf("you may not %s %s", what, dir)
		}
	}
	return nil
}

// changes describes the work to the user.
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
