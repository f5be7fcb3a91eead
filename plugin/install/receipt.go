package install

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// schema is the version of the receipt's format.
const schema = 2

// receipt lists what is installed: in a prefix, or of the plug-in for a user or for the system.
type receipt struct {
	Schema   int      `json:"schema"`
	Installs []Placed `json:"installs,omitempty"` // of the plug-in
	Files    []made   `json:"files"`
	// Folders were created too, the outer before the inner. "." is the prefix, and ".." the folder above it.
	Folders []string `json:"folders,omitempty"`

	in   place
	path string
	read []byte // the file as it was read, nil for none
}

// Placed is the plug-in of one Ollama.
type Placed struct {
	Ollama  string   `json:"ollama"`         // path of the executable
	Library string   `json:"library"`        // path of the plug-in
	Beside  bool     `json:"beside"`         // it lies beside Ollama's libraries, not in GGML_BACKEND_PATH
	Unit    string   `json:"unit,omitempty"` // the systemd service that loads it
	User    bool     `json:"user,omitempty"` // a service of the user's, not of the system's
	Files   []string `json:"files"`
}

// made is a file that was installed.
type made struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // see contentSum
	// Was is the sum of the file that is being replaced. After an interruption either may be there.
	Was string `json:"was,omitempty"`
}

// readReceipt reads a receipt. A missing one is empty. way is the hint for one that cannot be read.
func readReceipt(in place, name, way string) (*receipt, error) {
	r := &receipt{Schema: schema, in: in, path: name}
	data, err := in.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	r.read = data
	if err == nil {
		err = json.Unmarshal(data, r)
	}
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("the receipt %s cannot be read: %w", at(in, name), err), way)
	}
	if r.Schema != schema {
		cause := fmt.Sprintf("the receipt %s has format %d, this program knows %d", at(in, name), r.Schema, schema)
		return nil, hint.New(cause, "use the fh-ollama that wrote it, or a newer one")
	}
	// Other folders are not ours to remove, whatever the receipt says.
	r.Folders = slices.DeleteFunc(r.Folders, func(dir string) bool { return !r.holds(dir) })
	return r, nil
}

// holds reports whether the receipt or one of its files is in folder.
func (r *receipt) holds(folder string) bool {
	if _, ok := r.in.(*os.Root); ok && outside(folder) {
		return true
	}
	inside := func(name string) bool { return strings.HasPrefix(name, folder+"/") }
	return folder == path.Clean(folder) && slices.ContainsFunc(append(r.paths(), r.path), inside)
}

// save writes the receipt, or removes it when it lists nothing.
func (r *receipt) save() error {
	if len(r.Files) == 0 && len(r.Installs) == 0 {
		if err := r.in.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if now, err := r.in.ReadFile(r.path); err == nil && bytes.Equal(now, data) {
		return nil
	}
	return replace(r.in, file{path: r.path, data: data, mode: 0o644})
}

func (r *receipt) file(path string) *made {
	if i := slices.IndexFunc(r.Files, func(m made) bool { return m.Path == path }); i >= 0 {
		return &r.Files[i]
	}
	return nil
}

func (r *receipt) paths() []string {
	var paths []string
	for _, m := range r.Files {
		paths = append(paths, m.Path)
	}
	return paths
}

// is reports whether sum is that of the installed file.
func (m made) is(sum string) bool { return sum == m.SHA256 || m.Was != "" && sum == m.Was }

// contentSum identifies a file's content: its SHA-256, "link:" and the target of a symbolic link, or ""
// if it does not exist.
func contentSum(in place, name string) (string, error) {
	info, err := in.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		to, err := in.Readlink(name)
		return "link:" + to, err
	}
	if !info.Mode().IsRegular() {
		return "not a file", nil
	}
	data, err := in.ReadFile(name)
	return sumOf(file{data: data}), err
}

// sumOf returns contentSum's result after f is written.
func sumOf(f file) string {
	if f.link != "" {
		return "link:" + f.link
	}
	sum := sha256.Sum256(f.data)
	return hex.EncodeToString(sum[:])
}

// remove removes those of paths that the receipt lists and that nobody changed, then folders that are empty, and saves
// the receipt. It returns what it did. Every file is examined before the first is removed. After an error the receipt
// lists what is left.
func (r *receipt) remove(paths []string) ([]Change, error) {
	planned, err := r.removals(paths)
	if err != nil {
		return nil, err
	}
	var done []Change
	for _, path := range paths {
		sweep(r.in, path)
		c, ok := planned[path]
		if ok && c.Verb == "remove" {
			if err := r.in.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				r.save()
				return done, err
			}
		}
		if ok && !slices.Contains(done, c) {
			done = append(done, c)
		}
		r.Files = slices.DeleteFunc(r.Files, func(m made) bool { return m.Path == path })
	}
	sweep(r.in, r.path)
	if err := r.save(); err != nil {
		return done, err
	}
	if left := removeEmpty(r.in, r.Folders); len(left) != len(r.Folders) {
		r.Folders = left
		return done, r.save()
	}
	return done, nil
}

// removals returns the change for each of paths that the receipt lists and that exists.
func (r *receipt) removals(paths []string) (map[string]Change, error) {
	planned := map[string]Change{}
	for _, path := range paths {
		m := r.file(path)
		if m == nil {
			continue
		}
		sum, err := contentSum(r.in, path)
		link := ""
		if err != nil {
			link = linkAbove(r.in, path)
		}
		switch {
		case link != "": // where it leads is not ours
			planned[path] = Change{Verb: "keep", Path: at(r.in, link)}
		case errors.Is(err, syscall.ENOTDIR): // a file has replaced its folder
		case err != nil:
			return nil, err
		case sum == "":
		case m.is(sum):
			planned[path] = Change{Verb: "remove", Path: at(r.in, path)}
		default:
			note := "it was changed since it was installed; remove it yourself if it is not needed"
			if filepath.Base(path) == dropInName {
				note = "it was changed since it was installed; remove its line with GGML_BACKEND_PATH, or the file if nothing " +
					"else is in it"
			}
			planned[path] = Change{Verb: "keep", Path: at(r.in, path), Note: note}
		}
	}
	return planned, nil
}

// linkAbove returns the outermost link among the folders of a prefix above name, "" if there is none.
func linkAbove(in place, name string) (link string) {
	if _, ok := in.(*os.Root); !ok {
		return ""
	}
	for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if info, err := in.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			link = dir
		}
	}
	return link
}
