package native

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Options say what to cluster and how.
type Options struct {
	Tool        string // path of llama-flashhead
	GGML        string // folder of the libraries that it must be given; "" if it has its own
	Model       string // path of a GGUF file
	Tensor      string // name of the head's tensor, V rows
	ClusterSize int    // m; K = ceil(V/m) clusters whose sizes differ by one at most
	Iterations  int
	Seed        uint32
	Threads     int // never changes the result
}

// Progress is the state of a running clustering.
type Progress struct {
	Stage      string   `json:"stage"` // read, start or balance; of a calibration moment, residuals, directions or records
	Iteration  int      `json:"iteration"`
	Iterations int      `json:"iterations"`
	Fraction   float64  `json:"fraction"`  // 0..1 of the whole
	Objective  *float64 `json:"objective"` // mean of 1 - cosine(row, its centroid); nil while unknown
	Imbalance  *float64 `json:"imbalance"` // largest cluster over mean size, minus 1; nil while unknown
	Seconds    float64  `json:"seconds"`
}

// Result is a finished clustering.
type Result struct {
	Assignments []uint32 // cluster of every row, V entries
	Clusters    uint32   // K
	Objective   float64  // mean of 1 - cosine(row, its centroid)
	Imbalance   float64  // largest cluster over mean size, minus 1
	Seconds     float64
}

// event is one line of the tool's output.
type event struct {
	Event string `json:"event"`
	Progress
	Rows     int64  `json:"rows"`
	Clusters uint32 `json:"clusters"`
}

// Run clusters the head's rows and calls report for each progress event. The tool is killed when ctx ends.
func Run(ctx context.Context, o Options, report func(Progress)) (Result, error) {
	dir, err := atomicfile.NewFolder(folderKind)
	if err != nil {
		return Result{}, hint.Wrap(err, elsewhere)
	}
	defer dir.Remove()
	out := filepath.Join(process.Absolute(dir.Path), "assignments")

	var rows int64
	var result Result
	args := []string{"cluster", "--model", process.Absolute(o.Model), "--tensor", o.Tensor,
		"--cluster-size", strconv.Itoa(o.ClusterSize), "--iterations", strconv.Itoa(o.Iterations),
		"--seed", strconv.FormatUint(uint64(o.Seed), 10), "--threads", strconv.Itoa(o.Threads), "--out", out}
	err = invoke(ctx, o.Tool, o.GGML, "clustering", args, func(stdout io.Reader) (err error) {
		rows, result, err = follow(stdout, report)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	if result.Assignments, err = readAssignments(out, rows, result.Clusters); err != nil {
		return Result{}, err
	}
	return result, nil
}

// folderKind is what the folders for the tool's files are called after.
const folderKind = "tool"

const rebuild = "tool and program do not fit together: build again with fh-ollama build"

// follow reads the tool's events up to the end of its output.
func follow(stdout io.Reader, report func(Progress)) (rows int64, result Result, err error) {
	lines := bufio.NewScanner(stdout)
	done := false
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return 0, Result{}, hint.Wrap(fmt.Errorf("%s said %q: %w", toolName, lines.Text(), err), rebuild)
		}
		switch e.Event {
		case "start":
			rows = e.Rows
		case "progress":
			report(e.Progress)
		case "done":
			done = true
			result = Result{Clusters: e.Clusters, Seconds: e.Seconds}
			if e.Objective != nil {
				result.Objective = *e.Objective
			}
			if e.Imbalance != nil {
				result.Imbalance = *e.Imbalance
			}
		}
	}
	if err := lines.Err(); err != nil {
		return 0, Result{}, err
	}
	if !done {
		rows = -1 // the exit status tells why
	}
	return rows, result, nil
}

// readAssignments reads and checks what the tool wrote: rows little-endian uint32 below clusters, in clusters of nearly
// equal size.
func readAssignments(path string, rows int64, clusters uint32) ([]uint32, error) {
	if rows < 0 {
		return nil, hint.New(toolName+" ended without a result", rebuild)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, hint.Wrap(err, rebuild)
	}
	if int64(len(data)) != 4*rows {
		return nil, hint.New(fmt.Sprintf("%s wrote %d bytes for %d rows", toolName, len(data), rows), rebuild)
	}
	assignments := make([]uint32, rows)
	sizes := make([]int64, clusters)
	for i := range assignments {
		k := binary.LittleEndian.Uint32(data[4*i:])
		if k >= clusters {
			return nil, hint.New(fmt.Sprintf("%s put row %d into cluster %d of %d", toolName, i, k, clusters), rebuild)
		}
		assignments[i] = k
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
