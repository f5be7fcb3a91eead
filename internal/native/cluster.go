package native

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Head names the head's matrix: V rows of D columns.
type Head struct {
	Model  string // path of a GGUF file
	Tensor string // name of the head's tensor
}

// args are those of the tool.
func (h Head) args() []string {
	return []string{"--model", process.Absolute(h.Model), "--tensor", h.Tensor}
}

// ClusterOptions are the options of a clustering.
type ClusterOptions struct {
	Head
	ClusterSize int // m; K = ceil(V/m) clusters whose sizes differ by one at most
	Iterations  int
	Seed        uint32
	Threads     int // never changes the result
}

// Clustering is what Cluster returns.
type Clustering struct {
	Assignments []uint32 // cluster of every row, V entries
	Clusters    uint32   // K
	Objective   float64  // mean of 1 - cosine(row, its centroid)
}

// Cluster clusters the head's rows and calls report for each progress event. The tool is killed when ctx ends.
func (t Tool) Cluster(ctx context.Context, o ClusterOptions, report func(Progress)) (Clustering, error) {
	dir, err := newFolder()
	if err != nil {
		return Clustering{}, err
	}
	defer dir.Remove()
	out := filepath.Join(dir.Path, "assignments")
	args := append([]string{"cluster"}, o.args()...)
	args = append(args, "--cluster-size", strconv.Itoa(o.ClusterSize), "--iterations", strconv.Itoa(o.Iterations),
		"--seed", strconv.FormatUint(uint64(o.Seed), 10), "--threads", strconv.Itoa(o.Threads), "--out", out)
	done, err := t.follow(ctx, "clustering", args, report)
	if err != nil {
		return Clustering{}, err
	}
	result := Clustering{Clusters: done.Clusters}
	if done.Objective != nil {
		result.Objective = *done.Objective
	}
	result.Assignments, err = readNumbers[uint32](out)
	return result, err
}

// Map names a head and its clusters.
type Map struct {
	Head
	Assignments []uint32 // cluster of every row, V entries; no cluster is empty
	Clusters    uint32   // K
	Columns     int64    // D
}

// args are those of the tool, with the assignments in a file that it writes to dir.
func (m Map) args(dir string) ([]string, error) {
	path := filepath.Join(dir, "assignments")
	data, _ := binary.Append(nil, binary.LittleEndian, m.Assignments)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return nil, hint.Wrap(err, atomicfile.Elsewhere)
	}
	return append(m.Head.args(), "--clusters", strconv.FormatUint(uint64(m.Clusters), 10), "--assignments", path), nil
}

// Centroids returns the mean of each cluster's rows, column by column: [D][K]. The runtime quantises the same means.
// The tool is killed when ctx ends.
func (t Tool) Centroids(ctx context.Context, m Map) ([]float32, error) {
	dir, err := newFolder()
	if err != nil {
		return nil, err
	}
	defer dir.Remove()
	args, err := m.args(dir.Path)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir.Path, "centroids")
	err = t.invoke(ctx, "computing centroids", append(append([]string{"centroids"}, args...), "--out", out),
		func(stdout io.Reader) error {
			_, err := io.Copy(io.Discard, stdout)
			return err
		})
	if err != nil {
		return nil, err
	}
	centroids, err := readNumbers[float32](out)
	if err == nil && int64(len(centroids)) != int64(m.Clusters)*m.Columns {
		err = hint.New(fmt.Sprintf("%s wrote %d numbers for %d centroids of %d columns", toolName, len(centroids),
			m.Clusters, m.Columns), rebuild)
	}
	return centroids, err
}

// newFolder makes a folder for the tool's files.
func newFolder() (atomicfile.Folder, error) {
	dir, err := atomicfile.NewFolder("tool")
	if err != nil {
		return dir, hint.Wrap(err, atomicfile.Elsewhere)
	}
	dir.Path = process.Absolute(dir.Path)
	return dir, nil
}

// readNumbers reads little-endian numbers that the tool wrote.
func readNumbers[T uint32 | float32](path string) ([]T, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, hint.Wrap(err, rebuild)
	}
	numbers := make([]T, len(data)/4)
	_, err = binary.Decode(data, binary.LittleEndian, numbers)
	return numbers, err
}
