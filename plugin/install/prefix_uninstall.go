package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// PrefixRemoval is what UninstallPrefix did, or would do.
type PrefixRemoval struct {
	Dir     string // absolute
	Removed int
	Kept    []string // absolute paths of files that somebody changed since, and of links that replaced folders
}

const repeat = "give yourself permission there and run the same command again"

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
