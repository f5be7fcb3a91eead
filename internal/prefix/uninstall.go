package prefix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Uninstalled says what Uninstall did, or would do.
type Uninstalled struct {
	Dir     string // absolute
	Removed int
	Kept    []string // absolute paths of files that somebody changed since
}

// Uninstall removes from dir what Install has put there, unless somebody changed it since, and the folders that Install
// made and that are empty then. It is an error if nothing is installed there.
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
		return result, err
	}
	defer root.Close()
	r, err := readReceipt(root)
	if err != nil {
		return result, err
	}
	if len(r.Files) == 0 {
		return result, none
	}
	for _, m := range r.Files {
		sum, err := contentSum(root, m.Name)
		switch {
		case err != nil:
			return result, err
		case sum == "":
			continue
		case !m.is(sum):
			result.Kept = append(result.Kept, filepath.Join(dir, m.Name))
			continue
		}
		if !dryRun {
			if err := root.Remove(m.Name); err != nil {
				return result, hint.Wrap(err, "give yourself permission there and run the same command again")
			}
		}
		result.Removed++
	}
	if dryRun {
		return result, nil
	}
	// Last, so that an interrupted run can be repeated.
	if err := root.RemoveAll(partial); err != nil { // of an interrupted Install
		return result, err
	}
	if err := root.Remove(receiptName); err != nil {
		return result, err
	}
	removeEmpty(root, r.Folders)
	return result, nil
}
