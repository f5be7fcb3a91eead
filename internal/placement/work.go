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
	library string     // path of the plug-in, one of writes
	beside  bool       // llama.cpp finds it there
	writes  []write
	kept    []Change
	removes []string // files of ours that nothing needs any more
	folders []string // to be made, the outer first
}

// write is one file.
type write struct {
	path string
	data []byte
	mode fs.FileMode
	text bool
	old  *content // what is there now, nil if nothing is
}

type content struct {
	data []byte
	mode fs.FileMode
}

func (w write) same() bool {
	return w.old != nil && sum(w.old.data) == sum(w.data) && w.old.mode == w.mode
}

// work finds out what has to be done for t, with the plug-in at library.
func (o Options) work(t target, library string) (*work, error) {
	receipts, err := readReceipts(o.Places)
	if err != nil {
		return nil, err
	}
	w := &work{library: t.library, beside: o.IntoLib}
	w.own = receipts[slices.IndexFunc(receipts, func(r *receipt) bool { return r.path == t.receipt })]

	placed := Placed{Ollama: t.ollama.Program, Library: t.library, Beside: o.IntoLib}
	files := slices.DeleteFunc(t.kit.files, func(f kitFile) bool { return f.to == t.library })
	for _, f := range append([]kitFile{{library, t.library, 0o644}}, files...) {
		data, err := os.ReadFile(f.from)
		if err != nil {
			return nil, hint.Wrap(err, rebuild)
		}
		if err := w.add(write{path: f.to, data: data, mode: f.mode}); err != nil {
			return nil, err
		}
		placed.Files = append(placed.Files, f.to)
	}
	if t.dropIn != "" {
		placed.Unit, placed.User = t.ollama.Unit.Name, t.ollama.Unit.User
		dropIns, err := w.addDropIn(t)
		if err != nil {
			return nil, err
		}
		placed.Files = append(placed.Files, dropIns...)
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

// addDropIn plans the drop-in and returns the files of ours that it needs. One that somebody edited stays as it is: if it names
// the library, it does what it has to; if not, ours is written beside it.
func (w *work) addDropIn(t target) ([]string, error) {
	f := write{path: t.dropIn, data: []byte(dropIn(t.library)), mode: 0o644, text: true}
	own := filepath.Join(filepath.Dir(t.dropIn), ownDropInName)
	err := w.add(f)
	var foreign foreignError
	if !errors.As(err, &foreign) {
		return []string{f.path}, err
	}
	w.kept = append(w.kept, Change{Verb: "keep", Path: f.path, Note: "it was changed since it was made"})
	if t.ollama.Unit.BackendPath == t.library && t.ollama.Unit.SetBy != own {
		w.kept[0].Note = "it was changed since, and does what it has to"
		return []string{f.path}, nil
	}
	f.path = own
	return []string{t.dropIn, own}, w.add(f)
}

// foreignError says that a file is in the way that is not, or not any more, as install made it.
type foreignError struct {
	path  string
	cause string
}

func (e foreignError) Error() string { return e.path + e.cause }

// add plans a file; one that is there must be ours.
func (w *work) add(f write) error {
	info, err := os.Lstat(f.path)
	listed := w.own.file(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return hint.Wrap(err, "give yourself permission there and try again")
	case listed == nil:
		return hint.Wrap(foreignError{f.path, " is there and is not from fh-ollama install"}, "see whose it is and move it away, then try again")
	default:
		s, err := listed.state()
		if err != nil {
			return hint.Wrap(err, "give yourself permission there and try again")
		}
		if s == changed {
			return hint.Wrap(foreignError{f.path, " was changed since it was installed"}, "move it away and try again")
		}
		data, err := os.ReadFile(f.path)
		if err != nil {
			return err
		}
		f.old = &content{data, info.Mode().Perm()}
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
		case f.old != nil:
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
