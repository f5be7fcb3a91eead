package main

import "strings"

// paths is the value of a flag that may be repeated to name several files. The library's own lists are split at commas,
// which file names may contain.
type paths []string

// Set adds a path.
func (p *paths) Set(path string) error {
	*p = append(*p, path)
	return nil
}

// String is shown as the default: none.
func (p *paths) String() string { return strings.Join(*p, ", ") }
