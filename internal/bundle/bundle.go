// Package bundle holds the plug-in that a released fh-ollama carries inside: the library for Ollama and the native tool,
// compiled for the program's system and processor. A plain build carries none.
package bundle

import (
	"archive/zip"
	"bytes"
	"io/fs"

	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// LibraryName is the file name of the plug-in for Ollama.
const LibraryName = "libggml-flashhead.so"

// toolFiles are the files that Unpack writes.
var toolFiles = []string{installation.ToolName, installation.ToolCodeName}

// Bundle is the files of a plug-in in one archive. The zero value has none.
type Bundle struct {
	archive []byte // as Pack makes it; empty for none
}

// New returns the bundle in an archive that Pack made.
func New(archive []byte) Bundle { return Bundle{archive} }

// Own returns the bundle inside this program.
func Own() Bundle { return Bundle{own} }

// Empty reports whether there is no plug-in in b.
func (b Bundle) Empty() bool { return len(b.archive) == 0 }

// Files returns the files of b, all in one folder. Reading a damaged one is an error.
func (b Bundle) Files() (fs.FS, error) {
	return zip.NewReader(bytes.NewReader(b.archive), int64(len(b.archive)))
}
