package harness

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/bundle"
)

// Bundle packs the plug-in in prefix, of `fh-ollama build --plugin`, for the checkout in which Go works. It writes to dir
// and returns the path of the overlay for `go build -tags bundle -overlay PATH`, whose program has the plug-in inside.
func Bundle(checkout, prefix, dir string) (overlay string, err error) {
	if checkout, err = filepath.Abs(checkout); err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	var archive bytes.Buffer
	if err := bundle.Pack(&archive, os.DirFS(prefix)); err != nil {
		return "", err
	}
	packed := filepath.Join(dir, bundle.ArchiveName)
	if err := atomicfile.Write(packed, &archive, 0o644); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(checkout, "internal", "bundle", bundle.ArchiveName): packed,
	}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, atomicfile.Write(overlay, bytes.NewReader(text), 0o644)
}
