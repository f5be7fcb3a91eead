package build

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// claim adds the names of products to the manifest before the files exist, so that an interrupted build recognises its files.
// It refuses to replace a file that no build made, such as a stock Ollama in /usr/local.
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
