package prefix

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// work is what an installation has to do.
type work struct {
	root    *os.Root
	before  receipt
	receipt receipt  // of all files, those to remove, too
	made    []string // folders that are not there
	files   []file   // to write
	gone    []string // to remove: they are no part of the build any more
	beside  bool     // the service goes beside one that somebody else wrote

	interrupted bool // an earlier run left something
}

// plan compares files with what is there.
func plan(root *os.Root, files []file) (work, error) {
	before, err := readReceipt(root)
	if err != nil {
		return work{}, err
	}
	before.Folders = slices.DeleteFunc(before.Folders, func(folder string) bool { return !before.holds(folder) })
	w := work{root: root, before: before, receipt: receipt{Schema: schema, Folders: before.Folders, Above: before.Above}}
	_, err = root.Lstat(partial)
	w.interrupted = err == nil || slices.ContainsFunc(before.Files, func(m made) bool { return m.Was != "" })
	for _, f := range files {
		if err := w.add(f); err != nil {
			return work{}, err
		}
	}
	for _, m := range before.Files {
		if _, kept := w.receipt.find(m.Name); kept {
			continue
		}
		sum, err := contentSum(root, m.Name)
		if err != nil {
			return work{}, blocked(root, m.Name, err)
		}
		if m.is(sum) {
			w.gone = append(w.gone, m.Name)
			w.receipt.Files = append(w.receipt.Files, m)
		}
	}
	return w, nil
}

// add plans one file.
func (w *work) add(f file) (err error) {
	if f.old, err = contentSum(w.root, f.name); err != nil {
		return blocked(w.root, f.name, err)
	}
	ours, listed := w.before.find(f.name)
	switch {
	case f.old == "" || listed && (ours.is(f.old) || f.old == f.sum):
	case f.name == unitName: // settings, which people edit
		if listed {
			w.receipt.Files = append(w.receipt.Files, ours) // it may become what it was
		}
		w.beside = f.old != f.sum
		f.name = besideName
		if !w.beside {
			return nil
		}
		return w.add(f)
	case f.name == besideName:
		return nil
	default:
		return hint.New(fmt.Sprintf("%s is there and was not put there by fh-ollama", filepath.Join(w.root.Name(), f.name)), elsewhere)
	}
	m := made{Name: f.name, Sum: f.sum}
	if f.old == f.sum && f.link == "" {
		info, err := w.root.Stat(f.name)
		f.shut = err == nil && f.mode&^info.Mode().Perm() != 0
	}
	if f.old != f.sum || f.shut {
		if f.old != f.sum {
			m.Was = f.old
		}
		w.files = append(w.files, f)
		for _, folder := range missing(w.root, f.name) {
			if !slices.Contains(w.made, folder) {
				w.made = append(w.made, folder)
			}
		}
	}
	w.receipt.Files = append(w.receipt.Files, m)
	return nil
}

// blocked explains why the named file cannot be looked at.
func blocked(root *os.Root, name string, err error) error {
	if link := linkAbove(root, name); link != "" {
		err = fmt.Errorf("%s is a link to a folder that is not in %s", filepath.Join(root.Name(), link), root.Name())
	}
	return hint.Wrap(err, elsewhere)
}

// do writes the receipt first, so that whatever happens is known to it, then all files to the folder partial, then
// renames.
func (w work) do(ctx context.Context) error {
	for _, folder := range w.made {
		if !slices.Contains(w.receipt.Folders, folder) {
			w.receipt.Folders = append(w.receipt.Folders, folder)
		}
	}
	if err := w.stage(ctx); err != nil {
		_ = w.root.RemoveAll(partial)
		if len(w.before.Files) == 0 {
			_ = w.root.Remove(receiptName)
		}
		removeEmpty(w.root, w.made)
		return err
	}
	defer w.root.RemoveAll(partial)
	for i, f := range w.files {
		if err := w.root.Rename(staged(i), f.name); err != nil {
			return err
		}
	}
	for _, name := range w.gone {
		if err := w.root.Remove(name); err != nil {
			return err
		}
	}
	done := receipt{Schema: schema, Above: w.receipt.Above}
	for _, m := range w.receipt.Files {
		if m.Was = ""; !slices.Contains(w.gone, m.Name) {
			done.Files = append(done.Files, m)
		}
	}
	for _, folder := range w.receipt.Folders {
		if done.holds(folder) {
			done.Folders = append(done.Folders, folder)
		} else {
			removeEmpty(w.root, []string{folder}) // of files that are gone
		}
	}
	return done.save(w.root)
}

// staged is where the i-th file to write waits for its place.
func staged(i int) string { return fmt.Sprintf("%s/%d", partial, i) }

// stage writes the receipt, and the files where nobody looks for them.
func (w work) stage(ctx context.Context) error {
	for _, folder := range w.made {
		if err := w.root.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	openFolders(w.root, w.made)
	if err := w.root.RemoveAll(partial); err != nil { // left by an interrupted run
		return err
	}
	if err := w.root.Mkdir(partial, 0o700); err != nil {
		return err
	}
	if err := w.receipt.save(w.root); err != nil {
		return err
	}
	for i, f := range w.files {
		err := ctx.Err()
		switch {
		case err != nil:
		case f.link != "":
			err = w.root.Symlink(f.link, staged(i))
		default:
			err = write(w.root, staged(i), f.data, f.mode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
