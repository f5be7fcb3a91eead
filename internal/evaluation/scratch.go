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

// store copies the logits of all positions from r to a temporary file in a folder and calls report for each position.
func store(folder string, h header, r io.Reader, report func(position int)) (*os.File, error) {
	if free, ok := atomicfile.Free(folder); ok && free < h.bytes() {
		return nil, explain(folder, fmt.Errorf("the dense logits take %d MiB, %d are free: %w", h.bytes()>>20+1, free>>20,
			syscall.ENOSPC))
	}
	file, err := os.Create(filepath.Join(folder, "dense"))
	if err != nil {
		return nil, explain(folder, err)
	}
	os.Remove(file.Name()) // if the system allows it, an unlinked file leaves nothing behind
	out := bufio.NewWriterSize(file, 1<<20)
	for position := range h.positions() {
		if _, err := io.CopyN(out, r, int64(h.recordBytes())); err != nil {
			file.Close()
			return nil, explain(folder, short(err))
		}
		report(position)
	}
	if err := out.Flush(); err != nil {
		file.Close()
		return nil, explain(folder, err)
	}
	return file, nil
}

// explain adds a hint if the disk of a temporary folder is full.
func explain(folder string, err error) error {
	if atomicfile.Full(err) {
		return hint.Wrap(fmt.Errorf("%s: %w", filepath.Dir(folder), err),
			"free some space, point FH_OLLAMA_CACHE at another disk, or take fewer --chunks")
	}
	return err
}
