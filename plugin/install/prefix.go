package install

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

// PrefixOptions are the options of Prefix.
type PrefixOptions struct {
	From    string   // folder of the build
	Dir     string   // the prefix; created if needed
	Service []string // settings of its service, such as "User=ann"; see ServiceAlone
	DryRun  bool     // write nothing
}

// PrefixResult is what Prefix did, or would do.
type PrefixResult struct {
	Dir     string // absolute
	Ollama  string // version
	Files   int
	Changed int    // how many were written or removed
	Service string // path of the service's file, absolute
	// Beside is the path of our service if the file at Service is somebody else's, "" otherwise.
	Beside string
	Shut   string // outermost folder on the way to Dir that not all users may enter, "" if there is none
}

// Hints of errors.
const (
	repeat    = "give yourself permission there and run the same command again"
	way       = "make room, give yourself permission there, or choose another folder; then run the same command again"
	elsewhere = "choose a folder of its own, such as /opt/ollama-flashhead"
)

// Prefix copies a build into a prefix, with a systemd service, or updates an earlier copy. If a name is taken by a file
// that it did not install, nothing is changed; but beside another service file it puts its own. All users may read and
// run the installed files, because the service has its own user.
func Prefix(ctx context.Context, o PrefixOptions) (PrefixResult, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return PrefixResult{}, err
	}
	build, err := ReadBuild(o.From)
	if err != nil {
		return PrefixResult{}, err
	}
	result := PrefixResult{Dir: dir, Ollama: build.Ollama, Service: filepath.Join(dir, filepath.FromSlash(unitName))}
	files, err := build.files(ctx, o.From, dir, o.Service)
	if err != nil {
		return result, err
	}
	result.Files = len(files)
	above := missing(anywhere{}, dir)
	if len(above) > 0 && o.DryRun {
		result.Changed = len(files)
		return result, nil
	}
	if err = makeFolders(anywhere{}, above); err == nil {
		err = result.install(ctx, files, len(above), o.DryRun)
	}
	if err != nil {
		removeEmpty(anywhere{}, above)
		if hint.Of(err) == "" {
			err = hint.Wrap(err, way)
		}
	}
	return result, err
}

// install installs files into the prefix, which exists. This many folders were created for it: itself and those above.
func (r *PrefixResult) install(ctx context.Context, files []file, created int, dryRun bool) error {
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if !dryRun {
		release, err := lock(root, ".")
		if err != nil {
			return err
		}
		defer release()
	}
	w, err := planPrefix(root, files)
	if err != nil {
		return err
	}
	for i := range created {
		w.own.Folders = slices.Insert(w.own.Folders, 0, above(i))
	}
	gone, err := w.own.removals(w.removes)
	if err != nil {
		return hint.Wrap(err, elsewhere)
	}
	r.Shut = Shut(r.Dir)
	for _, f := range w.files {
		if f.differs() {
			r.Changed++
		}
	}
	for _, c := range gone {
		if c.Verb == "remove" {
			r.Changed++
		}
	}
	if len(w.kept) > 0 {
		r.Beside = filepath.Join(r.Dir, filepath.FromSlash(besideName))
	}
	if dryRun {
		return nil
	}
	return w.do(ctx)
}

// planPrefix plans files and the removal of what is no longer part of the build.
func planPrefix(root *os.Root, files []file) (*work, error) {
	own, err := readReceipt(root, receiptPath, "use the fh-ollama that wrote it, or remove the files yourself")
	if err != nil {
		return nil, err
	}
	w := &work{in: root, own: own}
	for _, f := range files {
		err := w.add(f)
		if f.path == unitName && errors.As(err, new(takenError)) { // users edit this file
			if sum, _ := contentSum(root, unitName); sum == sumOf(f) {
				continue
			}
			w.kept = append(w.kept, Change{Verb: "keep", Path: f.path})
			f.path = besideName
			if err = w.add(f); errors.As(err, new(takenError)) {
				continue
			}
		}
		if err != nil {
			return nil, blocked(root, f.path, err)
		}
	}
	for _, path := range own.paths() {
		// an edited service stays listed, because it may be restored
		if path != unitName && !slices.ContainsFunc(w.files, func(f file) bool { return f.path == path }) {
			w.removes = append(w.removes, path)
		}
	}
	return w, nil
}

// blocked explains why the named file cannot be installed.
func blocked(root *os.Root, name string, err error) error {
	if link := linkAbove(root, name); link != "" && !errors.As(err, new(takenError)) {
		err = fmt.Errorf("%s is a link to a folder that is not in %s", at(root, link), root.Name())
	}
	return hint.Wrap(err, elsewhere)
}

// Shut returns the outermost of dir and the folders above it that not all users may enter, "" if there is none.
func Shut(dir string) (shut string) {
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o001 == 0 {
			shut = dir
		}
	}
	return shut
}

// PrefixRemoval is what UninstallPrefix did, or would do.
type PrefixRemoval struct {
	Dir     string // absolute
	Removed int
	Kept    []string // absolute paths of files that somebody changed since, and of links that replaced folders
}

// UninstallPrefix removes what Prefix has installed in dir, unless somebody changed it since, and the folders that
// Prefix created and that are empty then. It can be repeated, whatever stops it. It is an error if nothing is installed
// there.
func UninstallPrefix(dir string, dryRun bool) (PrefixRemoval, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return PrefixRemoval{}, err
	}
	result := PrefixRemoval{Dir: dir}
	none := hint.New(fmt.Sprintf("no fh-ollama is installed in %s", dir),
		"give the folder that was given to `fh-ollama install --prefix`")
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return result, none
	}
	if err != nil {
		return result, hint.Wrap(err, repeat)
	}
	defer root.Close()
	if !dryRun {
		release, err := lock(root, ".")
		if err != nil {
			return result, err
		}
		defer release()
	}
	r, err := readReceipt(root, receiptPath, "use the fh-ollama that wrote it, or remove the files yourself")
	if err != nil {
		return result, err
	}
	if len(r.Files) == 0 {
		return result, none
	}
	changes, err := r.takeAway(dryRun)
	for _, c := range changes {
		if c.Verb == "remove" {
			result.Removed++
		} else {
			result.Kept = append(result.Kept, c.Path)
		}
	}
	if err != nil {
		return result, hint.Wrap(err, repeat)
	}
	return result, nil
}
