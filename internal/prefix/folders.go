package prefix

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// open is what all users need to look into a folder and enter it.
const open = 0o055

// makeFolder makes the folder dir and those above it, for all users to enter, and returns how many were not there.
func makeFolder(dir string) (made int, err error) {
	var absent []string
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(at); err == nil || !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		absent = append(absent, at)
	}
	for _, at := range slices.Backward(absent) {
		if err = os.Mkdir(at, 0o755); errors.Is(err, fs.ErrExist) {
			made = 0 // somebody else's now, so what is above it stays
			continue
		}
		if err != nil {
			removeFolder(filepath.Dir(at), made)
			return 0, err
		}
		made++
		_ = os.Chmod(at, 0o755) // whatever the umask
	}
	return made, os.MkdirAll(dir, 0o755) // it is there, or says what else is
}

// removeFolder removes the folder dir, if made of it and those above were made, and these, as long as they are empty.
func removeFolder(dir string, made int) {
	for ; made > 0; made-- {
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() || os.Remove(dir) != nil {
			return
		}
		dir = filepath.Dir(dir)
	}
}

// missing returns the folders above the named file that are not there, the outer first.
func missing(root *os.Root, name string) []string {
	var folders []string
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, err := root.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			folders = append([]string{dir}, folders...)
		}
	}
	return folders
}

// openFolders lets all users enter folders. What is no folder stays as it is.
func openFolders(root *os.Root, folders []string) {
	for _, folder := range folders {
		if info, err := root.Lstat(folder); err == nil && info.IsDir() && open&^info.Mode().Perm() != 0 {
			_ = root.Chmod(folder, info.Mode().Perm()|open)
		}
	}
}

// removeEmpty removes those of folders, the inner before the outer, that are empty; links and files stay.
func removeEmpty(root *os.Root, folders []string) {
	for _, folder := range slices.Backward(folders) {
		if folder == "." {
			removeFolder(root.Name(), 1)
		} else if info, err := root.Lstat(folder); err == nil && info.IsDir() {
			_ = root.Remove(folder)
		}
	}
}

// shutBy returns the first folder on the way to dir that only some users may enter, "" if there is none.
func shutBy(dir string) string {
	if above := filepath.Dir(dir); above != dir {
		if shut := shutBy(above); shut != "" {
			return shut
		}
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o001 == 0 {
		return dir
	}
	return ""
}
