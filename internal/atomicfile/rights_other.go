//go:build !unix

package atomicfile

import "os"

// keepRights has no counterpart here: a new file inherits the rights of its folder.
func keepRights(*os.File, string) {}
