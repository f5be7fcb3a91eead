//go:build bundle

package bundle

import (
	"embed"
	"io/fs"
)

// own is the bundle of Own. `make bundle` gives its files to the compiler as an overlay, so no such files lie here.
var own fs.FS = files

//go:embed LLAMA_CPP_LICENSE libflashhead-tool.so libggml-flashhead.so llama-flashhead plugin.json
var files embed.FS
