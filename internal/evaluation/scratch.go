package evaluation

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// scratch is a private folder for temporary files.
type scratch struct{ dir atomicfile.Folder }

func newScratch() (scratch, error) {
	dir, err := atomicfile.NewFolder("eval")
	if err != nil {
		return scratch{}, hint.Wrap(err, "point FH_OLLAMA_CACHE at a folder that can be written")
	}
	return scratch{dir}, nil
}

func (s scratch) remove() { s.dir.Remove() }

// write writes a file and returns its path.
func (s scratch) write(name string, data []byte) (string, error) {
	path := filepath.Join(s.dir.Path, name)
	return path, s.explain(os.WriteFile(path, data, 0o600))
}

// store copies the logits of all positions from r to a temporary file and calls report for each position.
func (s scratch) store(h header, r io.Reader, report func(position int)) (*os.File, error) {
	if free, ok := atomicfile.Free(s.dir.Path); ok && free < h.bytes() {
		return nil, s.explain(spaceError(h.bytes(), free))
	}
	file, err := os.Create(filepath.Join(s.dir.Path, "dense"))
	if err != nil {
		return nil, s.explain(err)
	}
	os.Remove(file.Name()) // if the system allows it, an unlinked file leaves nothing behind
	out := bufio.NewWriterSize(file, 1<<20)
	for position := range h.positions() {
		if _, err := io.CopyN(out, r, int64(h.recordBytes())); err != nil {
			file.Close()
			return nil, s.explain(short(err))
		}
		report(position)
	}
	if err := out.Flush(); err != nil {
		file.Close()
		return nil, s.explain(err)
	}
	return file, nil
}

func spaceError(need, free int64) error {
	return fmt.Errorf("the dense logits take %d MiB, %d are free: %w", need>>20+1, free>>20, syscall.ENOSPC)
}

// explain adds a hint if the disk is full.
func (s scratch) explain(err error) error {
	if atomicfile.Full(err) {
		return hint.Wrap(fmt.Errorf("%s: %w", filepath.Dir(s.dir.Path), err),
			"free some space, point FH_OLLAMA_CACHE at another disk, or take fewer --chunks")
	}
	return err
}
