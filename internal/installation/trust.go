package installation

import (
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Trusted reports whether this user may run i's programs and libraries. Those of others may not be run: Find also finds
// any program that calls itself `ollama serve`.
func (i Installation) Trusted() bool {
	return i.LibDir != "" && process.Trusted(i.Program) && process.Trusted(i.LibDir) &&
		process.Trusted(filepath.Join(i.LibDir, ServerName))
}
