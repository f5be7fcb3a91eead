package placement

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

const receiptName = "installed.json"

// names are those of all files that are ever made.
var names = []string{LibraryName, BesideName, dropInName, ownDropInName, programName, toolName, toolCodeName}

// userReceipt and systemReceipt are where the two receipts lie, of what a user and of what the system has.
func userReceipt(p installation.Places) string {
	return filepath.Join(p.DataHome, "fh-ollama", receiptName)
}

func systemReceipt(p installation.Places) string {
	return filepath.Join(p.Root, "usr/local/lib/fh-ollama", receiptName)
}

// schema is the version of the receipt's form.
const schema = 1

// receipt lists what was made and is not yet taken away.
type receipt struct {
	Schema   int      `json:"schema"`
	Installs []Placed `json:"installs"`
	Files    []made   `json:"files"`
	Folders  []string `json:"folders"` // that were not there, the outer before the inner

	path string
	read []byte // what it was when it was read, nil for none
}

// Placed is what was placed for one Ollama.
type Placed struct {
	Ollama  string   `json:"ollama"`         // path of the program
	Library string   `json:"library"`        // path of the plug-in
	Beside  bool     `json:"beside"`         // it lies beside Ollama's libraries, not in GGML_BACKEND_PATH
	Unit    string   `json:"unit,omitempty"` // the systemd service that was told
	User    bool     `json:"user,omitempty"` // a service of the user's, not of the system's
	Files   []string `json:"files"`
}

// made is a file and what it holds.
type made struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	// Was is the sum of the content that is being replaced: after an interruption the file may hold either.
	Was string `json:"was,omitempty"`
}

// All returns what is placed on this machine for this user and for the system.
func All(p installation.Places) ([]Placed, error) {
	receipts, err := readReceipts(p)
	if err != nil {
		return nil, err
	}
	var all []Placed
	for _, r := range receipts {
		all = append(all, r.Installs...)
	}
	return all, nil
}

// readReceipts reads both receipts, the user's first; one that is not there is empty.
func readReceipts(p installation.Places) ([]*receipt, error) {
	var all []*receipt
	for _, path := range []string{userReceipt(p), systemReceipt(p)} {
		r, err := readReceipt(path)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func readReceipt(path string) (*receipt, error) {
	r := &receipt{Schema: schema, path: path}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	r.read = data
	if err == nil {
		err = json.Unmarshal(data, r)
	}
	switch {
	case err != nil:
		return nil, hint.Wrap(fmt.Errorf("the receipt %s cannot be read: %w", path, err),
			"make it readable; if it is damaged, remove it, "+LibraryName+", "+BesideName+" and "+dropInName+" by hand")
	case r.Schema != schema:
		return nil, hint.New(fmt.Sprintf("the receipt %s has form %d, this program knows %d", path, r.Schema, schema),
			"use the fh-ollama that wrote it, or a newer one")
	}
	for _, m := range r.Files {
		if !filepath.IsAbs(m.Path) || m.Path != filepath.Clean(m.Path) || !slices.Contains(names, filepath.Base(m.Path)) {
			return nil, hint.New(fmt.Sprintf("the receipt %s lists %q, which fh-ollama install never makes", path, m.Path),
				"see who changed it; if the plug-in is no longer there, remove the receipt by hand")
		}
	}
	// Somebody else's folders are not ours to remove, whatever the receipt says.
	r.Folders = slices.DeleteFunc(r.Folders, func(dir string) bool {
		above := func(path string) bool { return strings.HasPrefix(path, dir+string(filepath.Separator)) }
		return dir != filepath.Clean(dir) || !above(r.path) && !slices.ContainsFunc(r.Files, func(m made) bool { return above(m.Path) })
	})
	return r, nil
}

// locked returns r's lock, once it is sure that nobody changed the receipt since it was read.
func (r *receipt) locked() (unlock func(), err error) {
	unlock, err = lock(filepath.Dir(r.path))
	if err != nil {
		return nil, err
	}
	if now, err := os.ReadFile(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) || !bytes.Equal(now, r.read) {
		unlock()
		return nil, hint.New("another fh-ollama has installed or uninstalled meanwhile", "try again")
	}
	return unlock, nil
}

// save writes the receipt, or removes it when it lists nothing.
func (r *receipt) save() error {
	if len(r.Files) == 0 && len(r.Installs) == 0 {
		if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return replace(r.path, append(data, '\n'), 0o644)
}

func (r *receipt) file(path string) *made {
	if i := slices.IndexFunc(r.Files, func(m made) bool { return m.Path == path }); i >= 0 {
		return &r.Files[i]
	}
	return nil
}

// lists tells whether something was placed for the Ollama with this program.
func (r *receipt) lists(program string) bool {
	return slices.ContainsFunc(r.Installs, func(p Placed) bool { return p.Ollama == program })
}

// forget takes the Ollama with this program, if it is listed, out of the receipt and returns the files that nothing
// needs then.
func (r *receipt) forget(program string) (unneeded []string) {
	if !r.lists(program) {
		return nil
	}
	r.Installs = slices.DeleteFunc(r.Installs, func(p Placed) bool { return p.Ollama == program })
	for _, m := range r.Files {
		if !slices.ContainsFunc(r.Installs, func(p Placed) bool { return slices.Contains(p.Files, m.Path) }) {
			unneeded = append(unneeded, m.Path)
		}
	}
	return unneeded
}

// state is what became of a file that the receipt lists.
type state int

const (
	gone    state = iota
	intact        // as it was made
	changed       // by somebody else
)

func (m made) state() (state, error) {
	info, err := os.Lstat(m.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return gone, nil
	}
	if err != nil || !info.Mode().IsRegular() {
		return changed, err
	}
	data, err := os.ReadFile(m.Path)
	if err != nil {
		return changed, err
	}
	if have := sum(data); have != m.SHA256 && have != m.Was {
		return changed, nil
	}
	return intact, nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
