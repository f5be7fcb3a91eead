package installation

import (
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Trusted reports whether i's programs and libraries are safe to run: no other user can have written them. Find also
// returns programs of others that only call themselves `ollama serve`.
func (i Installation) Trusted() bool {
	return i.LibDir != "" && process.Trusted(i.Program) && process.Trusted(i.LibDir) &&
		process.Trusted(filepath.Join(i.LibDir, ServerName))
}
