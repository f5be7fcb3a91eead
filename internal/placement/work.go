package placement

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// work is all that is to be written and removed for one target, found out before anything is.
type work struct {
	own     *receipt   // that lists this target, as it will be
	others  []*receipt // that listed the same Ollama, as they will be
	writes  []write
	kept    []Change
	removes []string // files of ours that nothing needs any more
	folders []string // to be made, the outer first
}

// write is one file.
type write struct {
	path string
	data []byte
	text bool
	old  string // sum of what is there now, "" if nothing is
}

func (w write) same() bool { return w.old == sum(w.data) }

// work finds out what has to be done for t, with the plug-in at library.
func (o Options) work(t target, library string) (*work, error) {
	receipts, err := readReceipts(o.Places)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(library)
	if err != nil {
		return nil, err
	}
	w := &work{}
	w.own = receipts[slices.IndexFunc(receipts, func(r *receipt) bool { return r.path == t.receipt })]

	placed := Placed{Ollama: t.ollama.Program, Library: t.library, Beside: o.IntoLib, Files: []string{t.library}}
	if err := w.add(write{path: t.library, data: data}); err != nil {
		return nil, err
	}
	if t.dropIn != "" {
		placed.Unit, placed.User = t.ollama.Unit.Name, t.ollama.Unit.User
		placed.Files = append(placed.Files, t.dropIn)
		err := w.add(write{path: t.dropIn, data: []byte(dropIn(t.library)), text: true})
		var edited editedError
		switch {
		case errors.As(err, &edited) && t.ollama.Unit.BackendPath == t.library: // with settings of the user's own, and in force
			w.kept = append(w.kept, Change{Verb: "keep", Path: t.dropIn, Note: "it was changed since, and does what it has to"})
		case err != nil:
			return nil, err
		}
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

// editedError says that a file of ours was changed by somebody else.
type editedError struct{ path string }

func (e editedError) Error() string { return e.path + " was changed since it was installed" }

// add plans a file; one that is there must be ours.
func (w *work) add(f write) error {
	_, err := os.Lstat(f.path)
	listed := w.own.file(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return hint.Wrap(err, "give yourself permission there and try again")
	case listed == nil:
		return hint.New(f.path+" is there and is not from fh-ollama install", "see whose it is and move it away, then try again")
	default:
		s, err := listed.state()
		if err != nil {
			return hint.Wrap(err, "give yourself permission there and try again")
		}
		if s == changed {
			return hint.Wrap(editedError{f.path}, "move it away and try again")
		}
		data, err := os.ReadFile(f.path)
		if err != nil {
			return err
		}
		f.old = sum(data)
	}
	w.writes = append(w.writes, f)
	w.needFolder(filepath.Dir(f.path))
	return nil
}

func (w *work) needFolder(dir string) {
	for _, folder := range missing(dir) {
		if !slices.Contains(w.folders, folder) {
			w.folders = append(w.folders, folder)
		}
	}
}

// refused returns an error if this user may not do all of it.
func (w *work) refused() error {
	var paths []string
	for _, f := range w.writes {
		if !f.same() {
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
	for _, f := range w.writes {
		c := Change{Verb: "place", Path: f.path}
		if f.text {
			c.Text = string(f.data)
		}
		switch {
		case f.same():
			c.Verb, c.Note, c.Text = "keep", "it is up to date", ""
		case f.old != "":
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

// do writes the receipt first, so that whatever happens is known to it, then the files.
func (w *work) do() error {
	if err := w.record(); err != nil {
		return w.unfinished(err)
	}
	if err := makeFolders(w.folders); err != nil {
		return w.unfinished(err)
	}
	for _, f := range w.writes {
		if f.same() {
			continue
		}
		if err := replace(f.path, f.data); err != nil {
			return w.unfinished(err)
		}
	}
	for i := range w.own.Files {
		w.own.Files[i].Was = ""
	}
	for _, r := range append(w.others, w.own) {
		if _, err := r.remove(w.removes); err != nil {
			return w.unfinished(err)
		}
	}
	return nil
}

// record writes the receipt of what is about to be done.
func (w *work) record() error {
	for _, f := range w.writes {
		if listed := w.own.file(f.path); listed != nil {
			*listed = made{Path: f.path, SHA256: sum(f.data), Was: f.old}
		} else {
			w.own.Files = append(w.own.Files, made{Path: f.path, SHA256: sum(f.data)})
		}
	}
	for _, folder := range w.folders {
		if !slices.Contains(w.own.Folders, folder) {
			w.own.Folders = append(w.own.Folders, folder)
		}
	}
	if err := makeFolders(missing(filepath.Dir(w.own.path))); err != nil {
		return err
	}
	return w.own.save()
}

func (w *work) unfinished(err error) error {
	return hint.Wrap(err, "make room, give yourself permission there and try again; fh-ollama uninstall removes what was done")
}

// remove removes those of paths that the receipt lists and that are as they were made, and the folders that are empty
// then, and saves the receipt. It returns what it did with each.
func (r *receipt) remove(paths []string) ([]Change, error) {
	var done []Change
	for _, path := range paths {
		m := r.file(path)
		if m == nil {
			continue
		}
		c, err := m.removal()
		if err == nil && c.Verb == "remove" {
			err = os.Remove(path)
		}
		if err != nil {
			return done, err
		}
		if c.Verb != "" {
			done = append(done, c)
		}
		r.Files = slices.DeleteFunc(r.Files, func(m made) bool { return m.Path == path })
	}
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
		return Change{Verb: "keep", Path: m.Path, Note: "it was changed since it was installed; remove it yourself if it is not needed"}, nil
	}
	return Change{}, nil
}
