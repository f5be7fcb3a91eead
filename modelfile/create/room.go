package create

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
)

// sayRoom says how much room a conversion takes, and where. What convertTo needs it checks itself; what Ollama needs is
// only said, for it may have the file already.
func sayRoom(o Options, from origin.Origin, p *progress.Progress) {
	info, err := os.Stat(from.Weights())
	if err != nil {
		return
	}
	mib := info.Size()>>20 + 1
	dir, until := atomicfile.TemporaryDir(), " until it is registered"
	if o.Keep != "" {
		dir, until = filepath.Dir(o.Keep), ""
	}
	p.Note(fmt.Sprintf("needs %d MiB in %s%s, and as much in Ollama's models", mib, dir, until))
	if !from.Model {
		return // where its models lie is not known
	}
	store, need := filepath.Dir(from.Weights()), mib
	if atomicfile.Same(store, dir) {
		need *= 2
	}
	if free, ok := atomicfile.Free(store); ok && free>>20 < need {
		p.Note(fmt.Sprintf("note: the disk of %s has %d MiB free, of %d MiB for all this", store, free>>20, need))
	}
}
