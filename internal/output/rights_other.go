//go:build !unix

package output

import "os"

// keepRights has no counterpart here: a new file inherits the rights of its folder.
func keepRights(*os.File, string) {}
