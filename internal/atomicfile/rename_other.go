//go:build !linux

package atomicfile

// renameNew moves a file to a name that must be free; fs.ErrExist is in the chain of its error if it is not.
func renameNew(from, to string) error { return linkNew(from, to) }
