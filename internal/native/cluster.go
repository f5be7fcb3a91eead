package native

import (
	"context"
	"fmt"
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
	dir, err := atomicfile.NewFolder(folderKind)
	if err != nil {
		return Clustering{}, hint.Wrap(err, elsewhere)
	}
	defer dir.Remove()
	out := filepath.Join(process.Absolute(dir.Path), "assignments")

	args := append([]string{"cluster"}, o.args()...)
	args = append(args, "--cluster-size", strconv.Itoa(o.ClusterSize), "--iterations", strconv.Itoa(o.Iterations),
		"--seed", strconv.FormatUint(uint64(o.Seed), 10), "--threads", strconv.Itoa(o.Threads), "--out", out)
	start, done, err := t.follow(ctx, "clustering", args, report)
	if err != nil {
		return Clustering{}, err
	}
	result := Clustering{Clusters: done.Clusters}
	if done.Objective != nil {
		result.Objective = *done.Objective
	}
	if result.Assignments, err = readAssignments(out, start.Rows, done.Clusters); err != nil {
		return Clustering{}, err
	}
	return result, nil
}

// folderKind is in the names of the folders for the tool's files.
const folderKind = "tool"

const elsewhere = "point FH_OLLAMA_CACHE at a folder that can be written"

// readAssignments reads and checks the tool's output: one little-endian uint32 below clusters for each row, with
// clusters of nearly equal size.
func readAssignments(path string, rows int64, clusters uint32) ([]uint32, error) {
	assignments, err := readWords(path, rows, "rows")
	if err != nil {
		return nil, err
	}
	sizes := make([]int64, clusters)
	for i, k := range assignments {
		if k >= clusters {
			return nil, hint.New(fmt.Sprintf("%s put row %d into cluster %d of %d", toolName, i, k, clusters), rebuild)
		}
		sizes[k]++
	}
	for k, n := range sizes {
		if n != rows/int64(clusters) && n != (rows+int64(clusters)-1)/int64(clusters) {
			return nil, hint.New(fmt.Sprintf("%s put %d rows into cluster %d, %d rows have %d clusters", toolName, n, k, rows,
				clusters), rebuild)
		}
	}
	return assignments, nil
}
