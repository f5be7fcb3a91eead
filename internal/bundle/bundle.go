// Package bundle holds the plug-in that a released fh-ollama carries inside: the library for Ollama and the native tool,
// compiled for the program's system and processor. A plain build carries none.
package bundle

import (
	"io/fs"

	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// Names of files in a bundle.
const (
	LibraryName  = "libggml-flashhead.so" // the plug-in for Ollama
	LicenseName  = "LLAMA_CPP_LICENSE"    // the libraries contain inline functions of ggml's headers
	manifestName = "plugin.json"          // the manifest of the plug-in's build
)

// Files are the files of a bundle, with their paths in the prefix of `fh-ollama build --plugin`.
var Files = []string{
	"lib/flashhead/" + LicenseName,
	"lib/flashhead/" + installation.ToolCodeName,
	"lib/flashhead/" + LibraryName,
	"lib/flashhead/" + installation.ToolName,
	"share/fh-ollama/" + manifestName,
}

// Bundle is the files of a plug-in, all in one folder. The zero value has none.
type Bundle struct{ fs.FS }

// Own returns the bundle inside this program.
func Own() Bundle { return Bundle{own} }

// Empty reports whether there is no plug-in in b.
func (b Bundle) Empty() bool { return b.FS == nil }
