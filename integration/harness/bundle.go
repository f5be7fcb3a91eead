package harness

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Bundle puts the plug-in in prefix, of `fh-ollama build --plugin`, into the checkout in which Go works, by an overlay
// in dir. It returns the path for `go build -tags bundle -overlay PATH`, whose program has the plug-in inside.
func Bundle(checkout, prefix, dir string) (overlay string, err error) {
	if checkout, err = filepath.Abs(checkout); err != nil {
		return "", err
	}
	if prefix, err = filepath.Abs(prefix); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for _, name := range bundle.Files {
		file := filepath.Join(prefix, filepath.FromSlash(name))
		if _, err := os.Stat(file); err != nil {
			return "", hint.Wrap(err, "name the folder of a finished `fh-ollama build --plugin`")
		}
		replace[filepath.Join(checkout, "internal", "bundle", filepath.Base(file))] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, atomicfile.Write(overlay, bytes.NewReader(text), 0o644)
}
