package prefix

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/packaging"
)

// Installed says what Install did, or would do.
type Installed struct {
	Dir     string // absolute
	Ollama  string // version
	Files   int
	Changed int // of these; files that are gone count, too
	// Beside is where the service lies if a file that somebody else wrote has its place, "" else; absolute.
	Beside string
	// Shut is the first folder on the way to Dir that not all users may enter, "" if there is none.
	Shut    string
	Service string // path of the file for systemd, absolute
}

// file is one that is to be installed.
type file struct {
	name string
	data []byte // of a regular file
	mode fs.FileMode
	link string // target of a symbolic link, or ""
	sum  string
	old  string // sum of what is there
	shut bool   // what is there is the same, but others may not read or run it
}

// Install copies the build in from to dir, which is made if it is not there, and a service for it with these settings of
// the stock one's (see packaging.Unit). An earlier installation is brought up to date. It is an error, and nothing is
// changed, if a file that was not installed by it has one of the names; only a service that somebody wrote stays, with ours
// beside it. All files are written to a folder beside them first, so that a full disk changes nothing either. Whatever the
// umask, all users may read and run what is installed, because a service has a user of its own.
func Install(ctx context.Context, from, dir string, service []string, dryRun bool) (Installed, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Installed{}, err
	}
	build, err := ReadBuild(from)
	if err != nil {
		return Installed{}, err
	}
	result := Installed{Dir: dir, Ollama: build.Ollama, Service: filepath.Join(dir, filepath.FromSlash(unitName))}
	files, err := read(ctx, from, dir, build, service)
	if err != nil {
		return result, err
	}
	result.Files = len(files)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && dryRun {
		result.Changed = len(files)
		return result, nil
	}
	made, err := makeFolder(dir)
	if err != nil {
		return result, hint.Wrap(err, way)
	}
	err = installInto(ctx, &result, files, made, dryRun)
	if err != nil {
		removeFolder(dir, made)
	}
	return result, err
}

// installInto does the work of Install in a folder that is there; made as of makeFolder.
func installInto(ctx context.Context, result *Installed, files []file, made int, dryRun bool) error {
	root, err := os.OpenRoot(result.Dir) // no name leads out of it, whatever links are there
	if err != nil {
		return hint.Wrap(err, way)
	}
	defer root.Close()
	if !dryRun {
		release, err := lock(root)
		if err != nil {
			return err
		}
		defer release()
	}
	w, err := plan(root, files)
	if err != nil {
		return err
	}
	if made > 0 {
		w.made = append([]string{"."}, w.made...)
		w.receipt.Above = made - 1
	}
	if w.beside {
		result.Beside = filepath.Join(result.Dir, filepath.FromSlash(besideName))
	}
	result.Changed, result.Shut = len(w.files)+len(w.gone), shutBy(result.Dir)
	if dryRun {
		return nil
	}
	openFolders(root, w.receipt.Folders)
	if result.Changed == 0 && !w.interrupted {
		return nil
	}
	if err := w.do(ctx); err != nil {
		return hint.Wrap(err, way)
	}
	return nil
}

// Ways out of errors.
const (
	way       = "make room, give yourself permission there, or choose another folder; then run the same command again"
	elsewhere = "choose a folder of its own, such as /opt/ollama-flashhead"
)

// read returns the files of a build, and the service for dir.
func read(ctx context.Context, from, dir string, build Build, service []string) ([]file, error) {
	root, err := os.OpenRoot(from)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	unit, err := packaging.Unit(dir, service)
	if err != nil {
		return nil, err
	}
	files := []file{{name: unitName, data: unit, mode: 0o644}}
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
			f.mode = 0o644
			if info.Mode()&0o111 != 0 {
				f.mode = 0o755
			}
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
