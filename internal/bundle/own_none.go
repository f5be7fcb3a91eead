//go:build !bundle

package bundle

import "io/fs"

// own is nil in a plain build.
var own fs.FS
