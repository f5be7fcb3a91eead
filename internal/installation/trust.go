package installation

import "path/filepath"

// Trusted tells whether i's own programs and libraries may be run by this user. Another user's may not: whoever runs a
// program that calls itself `ollama serve` is found here, too.
func (i Installation) Trusted() bool {
	return i.LibDir != "" && trusted(i.Program) && trusted(i.LibDir) && trusted(filepath.Join(i.LibDir, ServerName))
}
