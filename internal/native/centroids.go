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

// CentroidOptions say which rows to average.
type CentroidOptions struct {
	Tool        string   // path of llama-flashhead
	GGML        string   // see Options
	Model       string   // path of a GGUF file
	Tensor      string   // name of the head's tensor, V rows of D columns
	Assignments []uint32 // cluster of every row, V entries; no cluster is empty
	Clusters    uint32   // K
	Columns     int64    // D
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

// NewCentroids computes the centroids of o. The caller closes them. The tool is killed when ctx ends.
func NewCentroids(ctx context.Context, o CentroidOptions) (*Centroids, error) {
	dir, err := atomicfile.NewFolder(folderKind)
	if err != nil {
		return nil, hint.Wrap(err, elsewhere)
	}
	need := 4*int64(o.Clusters)*o.Columns + 4*int64(len(o.Assignments))
	if free, ok := atomicfile.Free(dir.Path); ok && free < need {
		dir.Remove()
		return nil, hint.New(fmt.Sprintf("%s has %d MiB free, the centroids need %d MiB", filepath.Dir(dir.Path), free>>20,
			(need>>20)+1),
			"point FH_OLLAMA_CACHE at a folder with room for them")
	}
	file, err := centroids(ctx, o, process.Absolute(dir.Path))
	if err != nil {
		dir.Remove()
		return nil, err
	}
	return &Centroids{file, dir}, nil
}

const elsewhere = "point FH_OLLAMA_CACHE at a folder that can be written"

// centroids has the tool make its file in dir.
func centroids(ctx context.Context, o CentroidOptions, dir string) (*os.File, error) {
	in, out := filepath.Join(dir, "assignments"), filepath.Join(dir, "centroids")
	if err := writeAssignments(in, o.Assignments); err != nil {
		return nil, err
	}
	args := []string{"centroids", "--model", process.Absolute(o.Model), "--tensor", o.Tensor, "--clusters",
		strconv.FormatUint(uint64(o.Clusters), 10),
		"--assignments", in, "--out", out}
	err := invoke(ctx, o.Tool, o.GGML, "computing centroids", args, func(stdout io.Reader) error {
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
	if err == nil && info.Size() != 4*int64(o.Clusters)*o.Columns {
		err = hint.New(fmt.Sprintf("%s wrote %d bytes for %d centroids of %d columns", toolName, info.Size(), o.Clusters,
			o.Columns), rebuild)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
