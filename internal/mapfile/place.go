package mapfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// FolderVariable names a folder for map files instead of the usual ones, for the runtime as for this program.
const FolderVariable = "FLASHHEAD_MAPS"

// StoreFolder is the folder of map files in a folder of Ollama's models, beside its blobs.
const StoreFolder = "flashhead"

// Suffix ends the name of the map file of a file that is no blob: it takes the place of .gguf.
const Suffix = ".flashhead.gguf"

// blobName matches a file in an Ollama's store, named by its digest.
var blobName = regexp.MustCompile(`^sha256-([0-9a-f]{64})$`)

// Blob returns the digest in the path of a blob, lower-case hex; false for any other file.
func Blob(path string) (digest string, ok bool) {
	if m := blobName.FindStringSubmatch(filepath.Base(path)); m != nil {
		return m[1], true
	}
	return "", false
}

// place returns the usual folder and the name of the map of the model whose first file is at path.
func place(path string) (folder, name string) {
	base := filepath.Base(path)
	if _, ok := Blob(path); ok {
		return filepath.Join(filepath.Dir(path), "..", StoreFolder), base + ".gguf"
	}
	return filepath.Dir(path), strings.TrimSuffix(base, ".gguf") + Suffix
}

// Path returns where to write the map of the model whose first file is at path.
func Path(path string) string {
	folder, name := place(absolute(path))
	if maps := os.Getenv(FolderVariable); maps != "" {
		folder = maps
	}
	return filepath.Join(folder, name)
}

// Find returns the path of the map file that the runtime takes for the model whose first file is at path: the first
// that exists. It need not fit.
func Find(path string) (file string, ok bool) {
	f, ok := find(path)
	return f.file, ok
}

// found is an existing map file of the model at path, which is the model's path as given or with links resolved.
type found struct{ file, path string }

func find(path string) (found, bool) {
	given := absolute(path)
	paths := []string{given}
	if real, err := filepath.EvalSymlinks(given); err == nil && real != given {
		paths = append(paths, real)
	}
	var named, usual []found
	for _, path := range paths {
		folder, name := place(path)
		usual = append(usual, found{filepath.Join(folder, name), path})
		if maps := os.Getenv(FolderVariable); maps != "" {
			named = append(named, found{filepath.Join(maps, name), path})
		}
	}
	for _, f := range append(named, usual...) {
		if _, err := os.Stat(f.file); err == nil || errors.Is(err, fs.ErrPermission) {
			return f, true
		}
	}
	return found{}, false
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
