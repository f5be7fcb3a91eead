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
	"github.com/fh-ollama/fh-ollama/packaging"
)

// Installed says what Install did, or would do.
type Installed struct {
	Dir     string // absolute
	Ollama  string // version
	Files   int
	Changed int // of these; files that are gone count, too
}

// file is one that is to be installed.
type file struct {
	name string
	data []byte // of a regular file
	mode fs.FileMode
	link string // target of a symbolic link, or ""
	sum  string
	old  string // sum of what is there
}

// Install copies the build in from to dir, which is made if it is not there, and a service for it. An earlier
// installation is brought up to date. It is an error, and nothing is changed, if a file that was not installed by it has
// one of the names. All files are written to a folder beside them first, so that a full disk changes nothing either.
func Install(ctx context.Context, from, dir string, dryRun bool) (Installed, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Installed{}, err
	}
	build, err := ReadBuild(from)
	if err != nil {
		return Installed{}, err
	}
	result := Installed{Dir: dir, Ollama: build.Ollama}
	files, err := read(ctx, from, dir, build)
	if err != nil {
		return result, err
	}
	result.Files = len(files)
	_, err = os.Stat(dir)
	absent := errors.Is(err, fs.ErrNotExist)
	if absent && dryRun {
		result.Changed = len(files)
		return result, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return result, hint.Wrap(err, way)
	}
	root, err := os.OpenRoot(dir) // no name leads out of it, whatever links are there
	if err != nil {
		return result, hint.Wrap(err, way)
	}
	defer root.Close()
	w, err := plan(root, files)
	if err != nil {
		return result, err
	}
	result.Changed = len(w.files) + len(w.gone)
	if dryRun || result.Changed == 0 {
		return result, nil
	}
	if absent {
		w.made = append([]string{"."}, w.made...)
	}
	if err := w.do(ctx); err != nil {
		if absent {
			_ = os.Remove(dir)
		}
		return result, hint.Wrap(err, way)
	}
	return result, nil
}

// Ways out of errors.
const (
	way       = "make room, give yourself permission there, or choose another folder; then run the same command again"
	elsewhere = "choose a folder of its own, such as /opt/ollama-flashhead"
)

// read returns the files of a build, and the service for dir.
func read(ctx context.Context, from, dir string, build Build) ([]file, error) {
	root, err := os.OpenRoot(from)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	unit, err := packaging.Unit(dir)
	if err != nil {
		return nil, err
	}
	files := []file{{name: share + "/" + packaging.UnitName, data: unit, mode: 0o644}}
	for _, name := range build.Names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f := file{name: name}
		info, err := root.Lstat(name)
		switch {
		case err != nil:
		case info.Mode()&fs.ModeSymlink != 0:
			f.link, err = root.Readlink(name)
			if err == nil && f.link != filepath.Base(f.link) {
				err = fmt.Errorf("%s points at %s, outside its folder", name, f.link)
			}
		default:
			f.mode = info.Mode().Perm() | 0o444 // Ollama's service has a user of its own
			f.data, err = root.ReadFile(name)
		}
		if err != nil {
			return nil, hint.Wrap(fmt.Errorf("the build in %s is not whole: %w", from, err), "run `fh-ollama build` again")
		}
		files = append(files, f)
	}
	for i := range files {
		files[i].sum = sumOf(files[i])
	}
	return files, nil
}

// work is what an installation has to do.
type work struct {
	root    *os.Root
	receipt receipt  // of all files, those to remove, too
	made    []string // folders that are not there
	files   []file   // to write
	gone    []string // to remove: they are no part of the build any more
}

// plan compares files with what is there.
func plan(root *os.Root, files []file) (work, error) {
	before, err := readReceipt(root)
	if err != nil {
		return work{}, err
	}
	w := work{root: root, receipt: receipt{Schema: schema, Folders: before.Folders}}
	for _, f := range files {
		if f.old, err = contentSum(root, f.name); err != nil {
			return work{}, hint.Wrap(err, elsewhere)
		}
		ours, listed := before.find(f.name)
		if f.old != "" && !(listed && ours.is(f.old)) {
			return work{}, hint.New(fmt.Sprintf("%s is there and was not put there by fh-ollama", filepath.Join(root.Name(), f.name)), elsewhere)
		}
		m := made{Name: f.name, Sum: f.sum}
		if f.old != f.sum {
			m.Was = f.old
			w.files = append(w.files, f)
			for _, folder := range missing(root, f.name) {
				if !slices.Contains(w.made, folder) {
					w.made = append(w.made, folder)
				}
			}
		}
		w.receipt.Files = append(w.receipt.Files, m)
	}
	for _, m := range before.Files {
		if _, kept := w.receipt.find(m.Name); kept {
			continue
		}
		sum, err := contentSum(root, m.Name)
		if err != nil {
			return work{}, err
		}
		if m.is(sum) {
			w.gone = append(w.gone, m.Name)
			w.receipt.Files = append(w.receipt.Files, m)
		}
	}
	return w, nil
}

// do writes everything to the folder partial, then the receipt, so that whatever happens is known to it, then renames.
func (w work) do(ctx context.Context) error {
	w.receipt.Folders = append(w.receipt.Folders, w.made...)
	if err := w.stage(ctx); err != nil {
		_ = w.root.RemoveAll(partial)
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
	done := receipt{Schema: schema, Folders: w.receipt.Folders}
	for _, m := range w.receipt.Files {
		if m.Was = ""; !slices.Contains(w.gone, m.Name) {
			done.Files = append(done.Files, m)
		}
	}
	return done.save(w.root)
}

// staged is where the i-th file to write waits for its place.
func staged(i int) string { return fmt.Sprintf("%s/%d", partial, i) }

// stage writes the files where nobody looks for them, and the receipt last.
func (w work) stage(ctx context.Context) error {
	for _, folder := range w.made {
		if err := w.root.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := w.root.RemoveAll(partial); err != nil { // left by an interrupted run
		return err
	}
	if err := w.root.Mkdir(partial, 0o700); err != nil {
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
	return w.receipt.save(w.root)
}
