package evaluation

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/sampletext"
)

// openText finds the text and fills in its name and hash. path is where the runtime can read it.
func openText(path string, s scratch) (string, Text, error) {
	data, name := sampletext.Mixed, "built-in"
	var err error
	if path == "" {
		path, err = s.write("text", data)
	} else {
		name = filepath.Base(path)
		data, err = os.ReadFile(path)
		err = hintIf(err, "check the path and that you may read it")
	}
	if err == nil && len(data) == 0 {
		err = hint.Wrap(errors.New(path+" is empty"), "give a text of some pages")
	}
	if err != nil {
		return "", Text{}, err
	}
	sum := sha256.Sum256(data)
	return path, Text{Name: name, SHA256: hex.EncodeToString(sum[:])}, nil
}

func hintIf(err error, way string) error {
	if err == nil {
		return nil
	}
	return hint.Wrap(err, way)
}
