package installation

import (
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Trusted tells whether i's own programs and libraries may be run by this user. Another user's may not: whoever runs a
// program that calls itself `ollama serve` is found here, too.
func (i Installation) Trusted() bool {
	return i.LibDir != "" && process.Trusted(i.Program) && process.Trusted(i.LibDir) && process.Trusted(filepath.Join(i.LibDir, ServerName))
}
