package install

import (
	"bytes"
	"context"
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

// names are those of all files that the plug-in's installation ever makes.
var names = []string{LibraryName, BesideName, dropInName, ownDropInName, programName, toolName, toolCodeName}

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

// readReceipts reads the user's receipt and the system's. Root may be asked to uninstall by a receipt that somebody
// else can write, so it may list nothing but what an installation makes.
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

// locked returns r's lock, once it is sure that nobody changed the receipt since it was read.
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

// lists tells whether the plug-in was installed for the Ollama with this program.
func (r *receipt) lists(program string) bool {
	return slices.ContainsFunc(r.Installs, func(p Placed) bool { return p.Ollama == program })
}

// forget takes the Ollama with this program out of the receipt and returns the files that nothing needs then.
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

const permission = "give yourself permission there and try again"

// plan plans the installation for t of the plug-in at library.
func (o Options) plan(t target, library string) (*work, error) {
	receipts, err := readReceipts(o.Places)
	if err != nil {
		return nil, err
	}
	w := &work{in: anywhere{}, library: t.library, beside: o.IntoLib}
	w.own = receipts[slices.IndexFunc(receipts, func(r *receipt) bool { return r.path == t.receipt })]

	placed := Placed{Ollama: t.ollama.Program, Library: t.library, Beside: o.IntoLib}
	files := slices.DeleteFunc(t.kit.files, func(f kitFile) bool { return f.to == t.library })
	for _, f := range append([]kitFile{{library, t.library, 0o644}}, files...) {
		data, err := os.ReadFile(f.from)
		if err != nil {
			return nil, hint.Wrap(err, rebuild)
		}
		if err := w.place(file{path: f.to, data: data, mode: f.mode}); err != nil {
			return nil, err
		}
		placed.Files = append(placed.Files, f.to)
	}
	if t.dropIn != "" {
		placed.Unit, placed.User = t.ollama.Unit.Name, t.ollama.Unit.User
		dropIns, err := w.addDropIn(t)
		if err != nil {
			return nil, err
		}
		placed.Files = append(placed.Files, dropIns...)
	}
	for _, r := range receipts {
		if r.lists(placed.Ollama) && r != w.own {
			w.others = append(w.others, r)
		}
		w.removes = append(w.removes, r.forget(placed.Ollama)...)
	}
	w.removes = slices.DeleteFunc(w.removes, func(path string) bool { return slices.Contains(placed.Files, path) })
	w.own.Installs = append(w.own.Installs, placed)
	w.needFolder(filepath.Dir(w.own.path))
	return w, nil
}

// place is add with a way out of its error.
func (w *work) place(f file) error {
	err := w.add(f)
	var taken takenError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &taken):
		return hint.Wrap(err, permission)
	case taken.listed:
		return hint.Wrap(err, "move it away and try again")
	default:
		return hint.Wrap(err, "see whose it is and move it away, then try again")
	}
}

// addDropIn plans the drop-in and returns the files of ours that it needs. One that somebody edited stays as it is: if
// it names the library, it does what it has to; if not, ours is written beside it.
func (w *work) addDropIn(t target) ([]string, error) {
	f := file{path: t.dropIn, data: []byte(dropIn(t.library)), mode: 0o644, text: true}
	own := filepath.Join(filepath.Dir(t.dropIn), ownDropInName)
	err := w.place(f)
	if !errors.As(err, new(takenError)) {
		return []string{f.path}, err
	}
	w.kept = append(w.kept, Change{Verb: "keep", Path: f.path, Note: "it was changed since it was made"})
	if t.ollama.Unit.BackendPath == t.library && t.ollama.Unit.SetBy != own {
		w.kept[0].Note = "it was changed since, and does what it has to"
		return []string{f.path}, nil
	}
	f.path = own
	return []string{t.dropIn, own}, w.place(f)
}

// doLocked does w with the receipt locked.
func (w *work) doLocked(ctx context.Context) error {
	if err := makeFolders(w.in, missing(w.in, filepath.Dir(w.own.path))); err != nil {
		return unfinished(err)
	}
	unlock, err := w.own.locked()
	if err != nil {
		return err
	}
	defer unlock()
	return unfinished(w.do(ctx))
}

func unfinished(err error) error {
	if err == nil || hint.Of(err) != "" {
		return err
	}
	return hint.Wrap(err, "make room, give yourself permission there and try again; fh-ollama uninstall removes what "+
		"was done")
}
