package atomicfile

import (
	"os"
	"path/filepath"
	"syscall"
)

// linkNew moves a file to a name that must be free, where the file system knows hard links.
func linkNew(from, to string) error {
	if err := os.Link(from, to); err != nil {
		if os.IsExist(err) {
			return err
		}
		return claimNew(from, to)
	}
	return os.Remove(from)
}

// claimNew is linkNew for file systems without links, such as FAT: an empty file takes the name, and is replaced.
func claimNew(from, to string) error {
	claim, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer claim.Close()
	if err := os.Rename(from, to); err != nil {
		if isAt(claim, to) {
			os.Remove(to)
		}
		return err
	}
	return nil
}

// behind returns the file that path means: the end of a chain of links, which need not exist.
func behind(path string) (string, error) {
	for range 40 { // as many as Linux follows
		next, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link, or nothing: what else may be wrong shows when it is written
		}
		if !filepath.IsAbs(next) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			next = filepath.Join(dir, next)
		}
		path = next
	}
	return "", &os.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
}
