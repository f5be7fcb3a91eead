package native

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Map names a head and its clusters.
type Map struct {
	Head
	Assignments []uint32 // cluster of every row, V entries; no cluster is empty
	Clusters    uint32   // K
	Columns     int64    // D
}

// args are those of the tool, with the assignments in a file.
func (m Map) args(assignments string) []string {
	return append(m.Head.args(), "--clusters", strconv.FormatUint(uint64(m.Clusters), 10), "--assignments", assignments)
}

// Centroids is a temporary file of little-endian float32 [D][K]: the mean of each cluster's rows, column by column. The
// runtime quantises the same means.
type Centroids struct {
	*os.File
	dir atomicfile.Folder
}

// Close closes and removes the file.
func (c *Centroids) Close() error {
	c.File.Close()
	return c.dir.Remove()
}

// Centroids computes the centroids of m. The caller closes them. The tool is killed when ctx ends.
func (t Tool) Centroids(ctx context.Context, m Map) (*Centroids, error) {
	dir, err := atomicfile.NewFolder(folderKind)
	if err != nil {
		return nil, hint.Wrap(err, elsewhere)
	}
	need := 4*int64(m.Clusters)*m.Columns + 4*int64(len(m.Assignments))
	if free, ok := atomicfile.Free(dir.Path); ok && free < need {
		dir.Remove()
		return nil, hint.New(fmt.Sprintf("%s has %d MiB free, the centroids need %d MiB", filepath.Dir(dir.Path), free>>20,
			(need>>20)+1),
			"point FH_OLLAMA_CACHE at a folder with room for them")
	}
	file, err := t.centroids(ctx, m, process.Absolute(dir.Path))
	if err != nil {
		dir.Remove()
		return nil, err
	}
	return &Centroids{file, dir}, nil
}

// centroids has the tool make its file in dir.
func (t Tool) centroids(ctx context.Context, m Map, dir string) (*os.File, error) {
	in, out := filepath.Join(dir, "assignments"), filepath.Join(dir, "centroids")
	if err := writeWords(in, m.Assignments); err != nil {
		return nil, err
	}
	args := append([]string{"centroids"}, m.args(in)...)
	err := t.invoke(ctx, "computing centroids", append(args, "--out", out), func(stdout io.Reader) error {
		_, err := io.Copy(io.Discard, stdout)
		return err
	})
	if err != nil {
		return nil, err
	}
	file, err := os.Open(out)
	if err != nil {
		return nil, hint.Wrap(err, rebuild)
	}
	info, err := file.Stat()
	if err == nil && info.Size() != 4*int64(m.Clusters)*m.Columns {
		err = hint.New(fmt.Sprintf("%s wrote %d bytes for %d centroids of %d columns", toolName, info.Size(), m.Clusters,
			m.Columns), rebuild)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
