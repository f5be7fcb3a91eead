//go:build !unix

package atomicfile

import (
	"errors"
	"os"
)

// hold has no counterpart here: nothing is known of who writes a file.
func hold(string) (*os.File, error) { return nil, errors.ErrUnsupported }
