package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// Where, in a prefix, a build says what it is and which files are its own. Builds of both kinds may share a prefix, and
// files in it.
const (
	ollamaManifest = "share/fh-ollama/build.json"  // of Build
	pluginManifest = "share/fh-ollama/plugin.json" // of BuildPlugin
)

// fileList is the part of a manifest that all have.
type fileList struct {
	Files []string `json:"files"` // slash-separated, relative to the prefix
}

// product is one file of the prefix: a copy of from, or a symbolic link to link.
type product struct {
	to   string // slash-separated, relative to the prefix
	from string
	link string
}

var library = regexp.MustCompile(`^lib.+\.(so|dylib)(\.[0-9]+)*$`)

// products lists what the build has made, with Ollama's layout: programs in bin, everything that serves models
// together in lib/ollama, where libraries are found beside the program that loads them.
func (b *Builder) products() ([]product, error) {
	list := []product{
		{to: "bin/ollama", from: b.ollamaProgram()},
		{to: "lib/ollama/LLAMA_CPP_LICENSE", from: filepath.Join(b.LlamaTree(), "LICENSE")},
		{to: "lib/ollama/CPP_HTTPLIB_LICENSE", from: filepath.Join(b.LlamaTree(), "vendor", "cpp-httplib", "LICENSE")},
		{to: "lib/ollama/LLAMA_CPP_VENDORS_LICENSE", from: filepath.Join(b.NativeDir(), "ollama-vendor-licenses", "LLAMA_CPP_VENDORS_LICENSE")},
		{to: "lib/ollama/OLLAMA_LICENSE", from: filepath.Join(b.OllamaTree(), "LICENSE")},
	}
	if b.Options.Program != "" {
		list = append(list, product{to: "bin/fh-ollama", from: b.Options.Program})
	}
	bin := filepath.Join(b.NativeDir(), "bin")
	entries, err := os.ReadDir(bin)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !library.MatchString(e.Name()) && !slices.Contains(b.Options.targets(), e.Name()) || b.Options.leftBehind(e.Name()) {
			continue
		}
		p, err := newProduct("lib/ollama/"+e.Name(), filepath.Join(bin, e.Name()), e.Type()&fs.ModeSymlink != 0)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	if b.Options.has(BackendCUDA) {
		cuda, err := b.cudaProducts()
		if err != nil {
			return nil, err
		}
		list = append(list, cuda...)
	}
	return list, nil
}

// newProduct is a file that the build has made; a symbolic link must stay in its folder.
func newProduct(to, from string, link bool) (p product, err error) {
	p = product{to: to, from: from}
	if !link {
		return p, nil
	}
	if p.link, err = os.Readlink(from); err == nil && p.link != filepath.Base(p.link) {
		err = fmt.Errorf("%s points at %s, outside its folder", from, p.link)
	}
	return p, err
}

const prefixHint = "make room and give yourself permission there, or choose another folder with --prefix"

// preparePrefix finds out before a long build whether its result can be written.
func preparePrefix(prefix string) error {
	probe := filepath.Join(prefix, ".fh-ollama-probe")
	if err := atomicfile.Write(probe, strings.NewReader(""), 0o644); err != nil {
		return hint.Wrap(err, prefixHint)
	}
	return os.Remove(probe)
}

// assemble brings the prefix up to date.
func (b *Builder) assemble(ctx context.Context, st *step.Step) error {
	products, err := b.products()
	if err != nil {
		return err
	}
	return b.place(ctx, st, products, ollamaManifest)
}

// place puts products into the prefix. Each file is replaced by renaming, so that a program that is running keeps
// running, and files that an earlier build of the same manifest made and nobody makes any more are removed.
func (b *Builder) place(ctx context.Context, st *step.Step, products []product, manifest string) error {
	if err := b.claim(products, manifest); err != nil {
		return err
	}
	// Ollama and the plug-in may be built into one prefix.
	unlock, err := lockedfile.MutexAt(filepath.Join(b.Options.Cache, "assemble.lock")).Lock()
	if err != nil {
		return err
	}
	defer unlock()
	for _, p := range products {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := b.inPrefix(p.to)
		changed, err := install(p, path)
		if err != nil {
			return hint.Wrap(err, prefixHint)
		}
		if changed {
			b.result.FilesReplaced++
		}
		b.files = append(b.files, p.to)
	}
	sort.Strings(b.files)
	wanted := slices.Clone(b.files)
	for _, other := range []string{ollamaManifest, pluginManifest} {
		if other != manifest {
			wanted = append(wanted, readFileList(b.Options.Prefix, other)...)
		}
	}
	for _, old := range readFileList(b.Options.Prefix, manifest) {
		if !slices.Contains(wanted, old) && filepath.IsLocal(filepath.FromSlash(old)) {
			if err := os.Remove(b.inPrefix(old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			b.result.FilesReplaced++
		}
	}
	st.Note("%s in %s", step.Count(b.result.FilesReplaced, "file changed", "files changed"), b.Options.Prefix)
	return nil
}

// inPrefix is the path of a file that is named as in a manifest.
func (b *Builder) inPrefix(name string) string {
	return filepath.Join(b.Options.Prefix, filepath.FromSlash(name))
}

// readFileList returns the files that a manifest of the prefix names.
func readFileList(prefix, manifest string) []string {
	var list fileList
	if data, err := os.ReadFile(filepath.Join(prefix, filepath.FromSlash(manifest))); err == nil {
		_ = json.Unmarshal(data, &list) // a damaged one is replaced, at the price of files left behind
	}
	return list.Files
}

// writeManifest records the checked build.
func (b *Builder) writeManifest() error {
	return b.writeManifestFile(ollamaManifest, struct {
		Result
		fileList
	}{b.result, fileList{b.files}})
}

func (b *Builder) writeManifestFile(name string, content any) error {
	data, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(b.inPrefix(name), bytes.NewReader(append(data, '\n')), 0o644)
}

// install makes path equal to p and reports whether it was not.
func install(p product, path string) (changed bool, err error) {
	if p.link != "" {
		if have, err := os.Readlink(path); err == nil && have == p.link {
			return false, nil
		}
		tmp := path + ".partial-link"
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return false, err
		}
		_ = os.Remove(tmp) // left by an interrupted run
		if err := os.Symlink(p.link, tmp); err != nil {
			return false, err
		}
		return true, os.Rename(tmp, path)
	}
	from, err := os.Open(p.from)
	if err != nil {
		return false, err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return false, err
	}
	if have, err := os.Lstat(path); err == nil && have.Mode() == info.Mode() && have.Size() == info.Size() {
		if same, err := sameFile(from, path); err == nil && same {
			return false, nil
		}
		if _, err := from.Seek(0, io.SeekStart); err != nil {
			return false, err
		}
	}
	return true, atomicfile.Write(path, from, info.Mode().Perm())
}

// sameFile compares what is left of a file with the file at path, piece by piece: libraries of CUDA have 500 MB.
func sameFile(a io.Reader, path string) (bool, error) {
	b, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer b.Close()
	pieceA, pieceB := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		na, errA := io.ReadFull(a, pieceA)
		nb, errB := io.ReadFull(b, pieceB)
		switch {
		case !bytes.Equal(pieceA[:na], pieceB[:nb]):
			return false, nil
		case errA == nil && errB == nil:
			continue
		case (errA == io.EOF || errA == io.ErrUnexpectedEOF) && errA == errB:
			return true, nil
		default:
			return false, errors.Join(errA, errB)
		}
	}
}
