package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// A manifest in the prefix describes a build and lists its files. Ollama and the plug-in may share a prefix, and files
// in it.
const (
	ollamaManifest = "share/fh-ollama/build.json"  // of Ollama
	pluginManifest = "share/fh-ollama/plugin.json" // of Plugin
)

// fileList is what both manifests have in common.
type fileList struct {
	Files []string `json:"files"` // slash-separated, relative to the prefix
}

// product is a file for the prefix: a copy of from, or a symbolic link to link.
type product struct {
	to   string // slash-separated, relative to the prefix
	from string
	link string
}

var library = regexp.MustCompile(`^lib.+\.(so|dylib)(\.[0-9]+)*$`)

// products lists the results in Ollama's layout: programs in bin, and in lib/ollama what serves models, because
// programs look for libraries beside themselves.
func (b *Builder) products() ([]product, error) {
	list := []product{
		{to: "bin/ollama", from: b.ollamaProgram()},
		{to: "lib/ollama/LLAMA_CPP_LICENSE", from: filepath.Join(b.LlamaTree(), "LICENSE")},
		{to: "lib/ollama/CPP_HTTPLIB_LICENSE", from: filepath.Join(b.LlamaTree(), "vendor", "cpp-httplib", "LICENSE")},
		{
			to:   "lib/ollama/LLAMA_CPP_VENDORS_LICENSE",
			from: filepath.Join(b.nativeDir(), "ollama-vendor-licenses", "LLAMA_CPP_VENDORS_LICENSE"),
		},
		{to: "lib/ollama/OLLAMA_LICENSE", from: filepath.Join(b.ollamaTree(), "LICENSE")},
	}
	if b.Options.Program != "" {
		list = append(list, product{to: "bin/fh-ollama", from: b.Options.Program})
	}
	targets := b.Options.targets()
	built, err := productsIn(filepath.Join(b.nativeDir(), "bin"), "lib/ollama", func(name string) bool {
		return (library.MatchString(name) || slices.Contains(targets, name)) && !b.Options.leftBehind(name)
	})
	if err != nil {
		return nil, err
	}
	list = append(list, built...)
	if b.Options.has(BackendCUDA) {
		cuda, err := b.cudaProducts()
		if err != nil {
			return nil, err
		}
		list = append(list, cuda...)
	}
	return list, nil
}

// productsIn lists the files of the folder from that keep selects, as products for the folder to of the prefix. A
// symbolic link must stay in its folder.
func productsIn(from, to string, keep func(name string) bool) (list []product, err error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !keep(e.Name()) {
			continue
		}
		p := product{to: to + "/" + e.Name(), from: filepath.Join(from, e.Name())}
		if e.Type()&fs.ModeSymlink != 0 {
			if p.link, err = os.Readlink(p.from); err != nil {
				return nil, err
			}
			if p.link != filepath.Base(p.link) {
				return nil, fmt.Errorf("%s points to %s, outside its folder", p.from, p.link)
			}
		}
		list = append(list, p)
	}
	return list, nil
}

const prefixHint = "check its permissions and free space, or choose another folder with --prefix"

// preparePrefix checks before a long build that its result can be written.
func preparePrefix(prefix string) error {
	probe := filepath.Join(prefix, ".fh-ollama-probe")
	if err := atomicfile.Write(probe, strings.NewReader(""), 0o644); err != nil {
		return hint.Wrap(err, prefixHint)
	}
	return os.Remove(probe)
}

func (b *Builder) assemble(ctx context.Context, st *step.Step) error {
	products, err := b.products()
	if err != nil {
		return err
	}
	return b.place(ctx, st, products, ollamaManifest)
}

// place updates the prefix. It replaces files by renaming, so that running programs keep theirs, and removes files that
// only an earlier build of the same manifest made.
func (b *Builder) place(ctx context.Context, st *step.Step, products []product, manifest string) error {
	if err := b.claim(products, manifest); err != nil {
		return err
	}
	// A build of the other kind may have the same prefix.
	unlock, err := st.Lock(ctx, filepath.Join(b.Options.Cache, "assemble.lock"))
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

// inPrefix is the path of a file that a manifest names.
func (b *Builder) inPrefix(name string) string {
	return filepath.Join(b.Options.Prefix, filepath.FromSlash(name))
}

// readFileList returns the files that a manifest of the prefix lists.
func readFileList(prefix, manifest string) []string {
	var list fileList
	if data, err := os.ReadFile(filepath.Join(prefix, filepath.FromSlash(manifest))); err == nil {
		_ = json.Unmarshal(data, &list) // a damaged one counts as empty; its files stay
	}
	return list.Files
}

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

// install makes path equal to p, and reports whether it changed.
func install(p product, path string) (changed bool, err error) {
	if p.link != "" {
		if have, err := os.Readlink(path); err == nil && have == p.link {
			return false, nil
		}
		tmp := path + ".partial-link"
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return false, err
		}
		_ = os.Remove(tmp) // from an interrupted run
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
		want, wantErr := source.SHA256(p.from)
		if sum, err := source.SHA256(path); err == nil && wantErr == nil && sum == want {
			return false, nil
		}
	}
	return true, atomicfile.Write(path, from, info.Mode().Perm())
}

// claim adds the names of products to the manifest before the files exist, so that an interrupted build recognises its
// files. It refuses to replace a file that no build made, such as a stock Ollama in /usr/local.
func (b *Builder) claim(products []product, manifest string) error {
	ours := slices.Concat(readFileList(b.Options.Prefix, ollamaManifest), readFileList(b.Options.Prefix, pluginManifest))
	names := readFileList(b.Options.Prefix, manifest)
	for _, p := range products {
		path := b.inPrefix(p.to)
		if _, err := os.Lstat(path); err == nil && !slices.Contains(ours, p.to) {
			return hint.New(fmt.Sprintf("%s exists and was not built by fh-ollama", path),
				"choose another folder with --prefix")
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return hint.Wrap(err, prefixHint)
		}
		names = append(names, p.to)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if slices.Equal(names, readFileList(b.Options.Prefix, manifest)) {
		return nil
	}
	return b.writeManifestFile(manifest, fileList{names}) // without a version, which only a finished build has
}
