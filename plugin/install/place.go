package install

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// place is where files are installed. A prefix is an *os.Root: its names are relative, and no link in it leads out. The
// plug-in goes anywhere.
type place interface {
	Lstat(name string) (fs.FileInfo, error)
	Open(name string) (*os.File, error)
	OpenFile(name string, flag int, mode fs.FileMode) (*os.File, error)
	ReadFile(name string) ([]byte, error)
	Readlink(name string) (string, error)
	Symlink(target, name string) error
	Rename(from, to string) error
	Remove(name string) error
	Mkdir(name string, mode fs.FileMode) error
	Chmod(name string, mode fs.FileMode) error
}

// anywhere is the place whose names are absolute paths.
type anywhere struct{}

func (anywhere) Lstat(name string) (fs.FileInfo, error)    { return os.Lstat(name) }
func (anywhere) Open(name string) (*os.File, error)        { return os.Open(name) }
func (anywhere) ReadFile(name string) ([]byte, error)      { return os.ReadFile(name) }
func (anywhere) Readlink(name string) (string, error)      { return os.Readlink(name) }
func (anywhere) Symlink(target, name string) error         { return os.Symlink(target, name) }
func (anywhere) Rename(from, to string) error              { return os.Rename(from, to) }
func (anywhere) Remove(name string) error                  { return os.Remove(name) }
func (anywhere) Mkdir(name string, mode fs.FileMode) error { return os.Mkdir(name, mode) }
func (anywhere) Chmod(name string, mode fs.FileMode) error { return os.Chmod(name, mode) }
func (anywhere) OpenFile(name string, flag int, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, mode)
}

// at returns the path of name in a place.
func at(in place, name string) string {
	if root, ok := in.(*os.Root); ok {
		return filepath.Join(root.Name(), filepath.FromSlash(name))
	}
	return name
}

// dirOf returns the folder of name; both places have names that end in a slash and a file name.
func dirOf(in place, name string) string {
	if _, ok := in.(*os.Root); ok {
		return path.Dir(name)
	}
	return filepath.Dir(name)
}

// above returns a receipt's name of the folder this many levels above the prefix: "." for 0, "../.." for 2.
func above(levels int) string { return path.Clean(strings.Repeat("../", levels)) }

// outside reports whether folder is the prefix itself, ".", or one above it, such as "../..".
func outside(folder string) bool { return folder != "" && strings.Trim(folder, "./") == "" }

// missing returns those of dir and the folders above it that do not exist, outermost first.
func missing(in place, dir string) []string {
	var folders []string
	for ; dir != dirOf(in, dir); dir = dirOf(in, dir) {
		if _, err := in.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		folders = append(folders, dir)
	}
	slices.Reverse(folders)
	return folders
}

// makeFolders creates folders, outermost first. Any user may enter them, whatever the umask.
func makeFolders(in place, folders []string) error {
	for _, dir := range folders {
		err := in.Mkdir(dir, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = in.Chmod(dir, 0o755)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeEmpty removes the empty ones of folders, innermost first, and returns the others that exist.
func removeEmpty(in place, folders []string) (left []string) {
	for _, dir := range slices.Backward(folders) {
		from, name := in, dir
		if _, ok := in.(*os.Root); ok && outside(dir) {
			from, name = anywhere{}, at(in, dir)
		}
		info, err := from.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || !info.IsDir() || from.Remove(name) != nil {
			left = append(left, dir)
		}
	}
	slices.Reverse(left)
	return left
}

// nearest returns the innermost existing folder on the way to path.
func nearest(path string) string {
	dir := filepath.Dir(path)
	if m := missing(anywhere{}, dir); len(m) > 0 {
		return filepath.Dir(m[0])
	}
	return dir
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

// sweep removes temporary files of path that a killed process left. The caller holds the lock, so nobody else writes.
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
