package prefix

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// schema is the version of the receipt's form.
const schema = 1

// receipt lists what Install has made in a folder and is not yet taken away.
type receipt struct {
	Schema  int      `json:"schema"`
	Files   []made   `json:"files"`
	Folders []string `json:"folders"` // that were not there, the outer before the inner; "." is the prefix itself
	// Above is how many of the folders above the prefix were not there either.
	Above int `json:"above,omitempty"`
}

// made is a file that was installed, and what is in it.
type made struct {
	Name string `json:"name"`
	Sum  string `json:"sum"` // see contentSum
	// Was is the sum of what is being replaced: after an interruption the file may be either.
	Was string `json:"was,omitempty"`
}

// readReceipt reads the receipt of a folder; one that is not there is empty.
func readReceipt(root *os.Root) (receipt, error) {
	r := receipt{Schema: schema}
	data, err := root.ReadFile(receiptName)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err == nil && r.Schema != schema {
		err = fmt.Errorf("it has form %d, this program knows %d", r.Schema, schema)
	}
	if err != nil {
		return r, hint.Wrap(fmt.Errorf("%s of %s cannot be read: %w", receiptName, root.Name(), err),
			"use the fh-ollama that wrote it, or remove the files yourself")
	}
	return r, nil
}

// save writes the receipt.
func (r receipt) save(root *os.Root) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	const next = partial + "/" + "receipt"
	if err := write(root, next, data, 0o644); err != nil {
		return err
	}
	return root.Rename(next, receiptName)
}

// holds tells whether folder is the prefix or lies above a file of the receipt: of others nothing is done, whatever it says.
func (r receipt) holds(folder string) bool {
	return folder == "." || slices.ContainsFunc(r.Files, func(m made) bool { return strings.HasPrefix(m.Name, folder+"/") })
}

func (r receipt) find(name string) (made, bool) {
	for _, m := range r.Files {
		if m.Name == name {
			return m, true
		}
	}
	return made{}, false
}

// is tells whether the sum is that of the file as it was made.
func (m made) is(sum string) bool { return sum == m.Sum || m.Was != "" && sum == m.Was }

// contentSum is the SHA-256 of a file's content in lower-case hexadecimal, "link:" and its target for a symbolic link,
// and "" if there is nothing.
func contentSum(root *os.Root, name string) (string, error) {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		to, err := root.Readlink(name)
		return "link:" + to, err
	}
	if !info.Mode().IsRegular() {
		return "no file", nil
	}
	data, err := root.ReadFile(name)
	return sumOf(file{data: data}), err
}

// sumOf is what contentSum finds once f is written.
func sumOf(f file) string {
	if f.link != "" {
		return "link:" + f.link
	}
	sum := sha256.Sum256(f.data)
	return hex.EncodeToString(sum[:])
}

// write makes a file that is there, whole, after a power cut.
func write(root *os.Root, name string, data []byte, mode fs.FileMode) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode) // whatever the umask
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
