//go:build bundle

package bundle

import _ "embed"

// own is the archive of Own. `make bundle` gives it to the compiler as an overlay, so there is no such file here.
//
//go:embed plugin.zip
var own []byte
