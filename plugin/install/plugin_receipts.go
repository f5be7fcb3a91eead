package install

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

const receiptName = "installed.json"

// names are the names of all files that the plug-in's installation makes.
var names = []string{LibraryName, BesideName, dropInName, programName, toolName, toolCodeName}

// userReceipt and systemReceipt are the paths of the plug-in's two receipts, for a user and for the system.
func userReceipt(p installation.Places) string {
	return filepath.Join(p.DataHome, "fh-ollama", receiptName)
}

func systemReceipt(p installation.Places) string {
	return filepath.Join(p.Root, "usr/local/lib/fh-ollama", receiptName)
}

// Installed returns where the plug-in is installed for this user and for the system.
func Installed(p installation.Places) ([]Placed, error) {
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

// readReceipts reads the user's receipt and the system's. Root may uninstall by a receipt that others can write, so it
// may only list files that an installation makes.
func readReceipts(p installation.Places) ([]*receipt, error) {
	var all []*receipt
	for _, path := range []string{userReceipt(p), systemReceipt(p)} {
		r, err := readReceipt(anywhere{}, path,
			"make it readable; if it is damaged, remove it, "+LibraryName+", "+BesideName+" and "+dropInName+" by hand")
		if err != nil {
			return nil, err
		}
		for _, m := range r.Files {
			if !filepath.IsAbs(m.Path) || m.Path != filepath.Clean(m.Path) || !slices.Contains(names, filepath.Base(m.Path)) {
				return nil, hint.New(fmt.Sprintf("the receipt %s lists %q, which fh-ollama install never makes", path, m.Path),
					"see who changed it; if the plug-in is no longer there, remove the receipt by hand")
			}
		}
		all = append(all, r)
	}
	return all, nil
}

// locked locks r and checks that the receipt was not changed since it was read.
func (r *receipt) locked() (unlock func(), err error) {
	unlock, err = lock(r.in, dirOf(r.in, r.path))
	if err != nil {
		return nil, err
	}
	if now, err := os.ReadFile(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) || !bytes.Equal(now, r.read) {
		unlock()
		return nil, hint.New("another fh-ollama has installed or uninstalled meanwhile", "try again")
	}
	return unlock, nil
}

// lists reports whether the plug-in was installed for the Ollama with this program.
func (r *receipt) lists(program string) bool {
	return slices.ContainsFunc(r.Installs, func(p Placed) bool { return p.Ollama == program })
}

// forget removes the Ollama with this program from the receipt and returns the files that are no longer needed.
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
