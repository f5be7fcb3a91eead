package native

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strconv"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// CalibrateOptions say to which head a sketch is fitted, and with what.
type CalibrateOptions struct {
	Map
	Hidden       string // path of a file of hidden states: n rows of D little-endian float32
	Fit          int64  // N: the first N rows are fitted to, all n are recorded; 1..n
	Rank         int    // R, directions of the sketch: a multiple of 8 up to 64; 0 for no sketch
	CentroidType string // ggml type of the centroids, such as q4_0; D is a multiple of its block
	Threads      int    // never changes the result; 0 for all cores
}

// Record is what the runtime would do with one of the dense head's best tokens.
type Record struct {
	Token    uint32
	Required uint32 // 1..V: how many tokens must be scored exactly, best estimates first, for this one to be among them
}

// CalibrateResult is a finished calibration.
type CalibrateResult struct {
	Rows        []float32  // [R][D]: directions on which residuals of the head's rows are projected; none if R is 0
	Activations []float32  // [R][D]: the matching directions for hidden states
	Records     [][]Record // [n][min(40, V)]: the dense head's best tokens for each hidden state, best first
	Kept        float64    // share of the residuals' energy that the sketch keeps, 0..1, weighted by the hidden states
	Seconds     float64
}

// recordTokens is how many tokens the tool records, if there are as many.
const recordTokens = 40

// Calibrate fits a sketch to hidden states and records what the runtime would do with it. It calls report for every
// sign of progress: stage, fraction and seconds are set. When ctx ends the tool is killed.
func (t Tool) Calibrate(ctx context.Context, o CalibrateOptions, report func(Progress)) (CalibrateResult, error) {
	dir, err := atomicfile.NewFolder(folderKind)
	if err != nil {
		return CalibrateResult{}, hint.Wrap(err, elsewhere)
	}
	defer dir.Remove()
	folder := process.Absolute(dir.Path)
	in, sketch := filepath.Join(folder, "assignments"), filepath.Join(folder, "sketch")
	records := filepath.Join(folder, "records")
	if err := writeWords(in, o.Assignments); err != nil {
		return CalibrateResult{}, err
	}
	args := append([]string{"calibrate"}, o.args(in)...)
	args = append(args, "--hidden", process.Absolute(o.Hidden), "--fit", strconv.FormatInt(o.Fit, 10),
		"--rank", strconv.Itoa(o.Rank), "--centroid-type", o.CentroidType, "--threads", strconv.Itoa(o.Threads),
		"--sketch", sketch, "--records", records)
	start, done, err := t.follow(ctx, "calibrating", args, report)
	if err != nil {
		return CalibrateResult{}, err
	}
	result := CalibrateResult{Kept: done.Kept, Seconds: done.Seconds}
	if err := result.readSketch(sketch, int64(o.Rank)*o.Columns); err != nil {
		return CalibrateResult{}, err
	}
	if err := result.readRecords(records, start.Hidden, start.Rows); err != nil {
		return CalibrateResult{}, err
	}
	return result, nil
}

// readSketch reads and checks two lots of n little-endian float32, which must be finite.
func (r *CalibrateResult) readSketch(path string, n int64) error {
	words, err := readWords(path, 2*n, "numbers")
	if err != nil {
		return err
	}
	values := make([]float32, len(words))
	for i, word := range words {
		values[i] = math.Float32frombits(word)
		if value := float64(values[i]); math.IsNaN(value) || math.IsInf(value, 0) {
			return hint.New(fmt.Sprintf("%s wrote a sketch with %v in it", toolName, value), rebuild)
		}
	}
	r.Rows, r.Activations = values[:n:n], values[n:]
	return nil
}

// readRecords reads and checks the records of n hidden states, for a head of the given number of rows.
func (r *CalibrateResult) readRecords(path string, n, rows int64) error {
	best := min(recordTokens, rows)
	words, err := readWords(path, 2*n*best, "numbers")
	if err != nil {
		return err
	}
	all := make([]Record, n*best)
	for i := range all {
		all[i] = Record{Token: words[2*i], Required: words[2*i+1]}
		if int64(all[i].Token) >= rows || all[i].Required < 1 || int64(all[i].Required) > rows {
			return hint.New(fmt.Sprintf("%s recorded rank %d for token %d of %d", toolName, all[i].Required, all[i].Token, rows),
				rebuild)
		}
	}
	r.Records = make([][]Record, n)
	for i := range r.Records {
		r.Records[i], all = all[:best:best], all[best:]
	}
	return nil
}
