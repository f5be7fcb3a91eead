//go:build !unix

package atomicfile

import (
	"errors"
	"os"
)

// Free returns false: unknown.
func Free(string) (int64, bool) { return 0, false }

// Same returns false: unknown.
func Same(string, string) bool { return false }

func hold(string) (*os.File, error) { return nil, errors.ErrUnsupported }

// keepRights does nothing: a new file inherits the rights of its folder.
func keepRights(*os.File, string) {}

// adopt does nothing, as keepRights.
func adopt(*os.File, string, os.FileMode) {}

func openFolder(path string) (*os.File, error) { return os.Open(path) }

func syncDir(string) error { return nil }
