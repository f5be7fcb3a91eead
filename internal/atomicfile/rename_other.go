//go:build !linux

package atomicfile

// renameNew renames a file to a name that must be free. Otherwise the error is an fs.ErrExist.
func renameNew(from, to string) error { return linkNew(from, to) }
