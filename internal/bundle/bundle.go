// Package bundle holds the plug-in that a released fh-ollama carries inside: the library for Ollama and the native tool,
// compiled for the program's system and processor. A plain build carries none.
package bundle

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"path"

	"github.com/fh-ollama/fh-ollama/internal/hint"
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

// ArchiveName is the file name of the archive that is compiled into a program.
const ArchiveName = "plugin.zip"

// LicenseName is the license of llama.cpp in a bundle, whose libraries contain inline functions of ggml's headers.
const LicenseName = "LLAMA_CPP_LICENSE"

// manifestName is the description of the plug-in in a bundle: the manifest of its build.
const manifestName = "plugin.json"

// packed are the files of a bundle, in order, with their paths in the prefix of `fh-ollama build --plugin`.
var packed = []string{
	"lib/flashhead/" + LicenseName,
	"lib/flashhead/" + installation.ToolCodeName,
	"lib/flashhead/" + LibraryName,
	"lib/flashhead/" + installation.ToolName,
	"share/fh-ollama/" + manifestName,
}

// Pack writes the archive of a bundle with the plug-in in prefix. The same files make the same bytes: entries have no
// time, and modes that do not depend on the umask.
func Pack(w io.Writer, prefix fs.FS) error {
	archive := zip.NewWriter(w)
	for _, name := range packed {
		data, err := fs.ReadFile(prefix, name)
		if err != nil {
			return hint.Wrap(err, "name the folder of a finished `fh-ollama build --plugin`")
		}
		header := zip.FileHeader{Name: path.Base(name), Method: zip.Deflate}
		header.SetMode(0o755)
		entry, err := archive.CreateHeader(&header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(data); err != nil {
			return err
		}
	}
	return archive.Close()
}
