package prefix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Uninstalled says what Uninstall did, or would do.
type Uninstalled struct {
	Dir     string // absolute
	Removed int
	Kept    []string // absolute paths of files that somebody changed since, and of links in place of folders
}

const repeat = "give yourself permission there and run the same command again"

// Uninstall removes from dir what Install has put there, unless somebody changed it since, and the folders that Install
// made and that are empty then. All is looked at before anything is removed, and the receipt goes last, so that it can be
// repeated whatever stops it. It is an error if nothing is installed there.
func Uninstall(dir string, dryRun bool) (Uninstalled, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Uninstalled{}, err
	}
	result := Uninstalled{Dir: dir}
	none := hint.New(fmt.Sprintf("no fh-ollama is installed in %s", dir), "give the folder that was given to `fh-ollama install --prefix`")
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return result, none
	}
	if err != nil {
		return result, hint.Wrap(err, repeat)
	}
	defer root.Close()
	if !dryRun {
		release, err := lock(root)
		if err != nil {
			return result, err
		}
		defer release()
	}
	r, err := readReceipt(root)
	if err != nil {
		return result, err
	}
	if len(r.Files) == 0 {
		return result, none
	}
	ours, err := result.look(root, r)
	if err != nil {
		return result, hint.Wrap(err, repeat)
	}
	if dryRun {
		result.Removed = len(ours)
		return result, nil
	}
	for _, name := range ours {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return result, hint.Wrap(err, repeat)
		}
		result.Removed++
	}
	if err := root.RemoveAll(partial); err != nil { // of an interrupted Install
		return result, hint.Wrap(err, repeat)
	}
	if err := root.Remove(receiptName); err != nil {
		return result, hint.Wrap(err, repeat)
	}
	folders := slices.DeleteFunc(slices.Clone(r.Folders), func(folder string) bool { return folder == "." || !r.holds(folder) })
	removeEmpty(root, folders)
	if slices.Contains(r.Folders, ".") {
		removeFolder(dir, 1+r.Above)
	}
	return result, nil
}

// look returns the names of the files that are as they were made, and notes those that are not.
func (u *Uninstalled) look(root *os.Root, r receipt) (ours []string, err error) {
	keep := func(name string) {
		if at := filepath.Join(u.Dir, filepath.FromSlash(name)); !slices.Contains(u.Kept, at) {
			u.Kept = append(u.Kept, at)
		}
	}
	for _, m := range r.Files {
		sum, err := contentSum(root, m.Name)
		link := ""
		if err != nil {
			link = linkAbove(root, m.Name)
		}
		switch {
		case link != "": // where it leads is not ours
			keep(link)
		case errors.Is(err, syscall.ENOTDIR): // a file has the place of its folder
		case err != nil:
			return nil, err
		case sum == "":
		case !m.is(sum):
			keep(m.Name)
		default:
			ours = append(ours, m.Name)
		}
	}
	return ours, nil
}

// linkAbove returns the outermost link among the folders above the named file, "" if there is none.
func linkAbove(root *os.Root, name string) (link string) {
	for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if info, err := root.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			link = dir
		}
	}
	return link
}
