package native

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// CalibrateOptions are the inputs of a calibration.
type CalibrateOptions struct {
	Map
	Codes        flashhead.Codes // their sizes, and the tolerance
	Probes       uint32          // P, for the records
	CentroidType string          // ggml type of the centroids, such as q4_0; D is a multiple of its block
	Threads      int             // never changes the result; 0 for all cores

	// Hidden is the path of a file of hidden states, rows of D little-endian float32; "" for codes without them.
	Hidden string
	Fit    []int64 // rows of each kind of text for the fit, in order; the rest is recorded
}

// Position has the runtime's results at the position of one hidden state.
type Position struct {
	KLD  float32 // Kullback-Leibler divergence from the dense head's distribution, nats
	Same bool    // both heads have the same best token
}

// CalibrateResult is a finished calibration.
type CalibrateResult struct {
	Codes     flashhead.Codes
	Positions []Position // of the hidden states outside the fit
	Near      float64    // mean number of tokens whose fine code is read there
	Exact     float64    // mean number of tokens scored exactly there
}

// Calibrate makes codes with at most o.Codes.Directions directions, and records the runtime's results with them. It
// calls report for each progress event, with stage, fraction and seconds. The tool is killed when ctx ends.
func (t Tool) Calibrate(ctx context.Context, o CalibrateOptions, report func(Progress)) (CalibrateResult, error) {
	dir, err := atomicfile.NewFolder(folderKind)
	if err != nil {
		return CalibrateResult{}, hint.Wrap(err, elsewhere)
	}
	defer dir.Remove()
	folder := process.Absolute(dir.Path)
	in, codes := filepath.Join(folder, "assignments"), filepath.Join(folder, "codes")
	records := filepath.Join(folder, "records")
	if err := writeWords(in, o.Assignments); err != nil {
		return CalibrateResult{}, err
	}
	args := append([]string{"calibrate"}, o.args(in)...)
	args = append(args, "--coarse-bits", strconv.Itoa(o.Codes.CoarseBits), "--fine-bytes", strconv.Itoa(o.Codes.FineBytes),
		"--near", strconv.Itoa(o.Codes.Near), "--probes", strconv.FormatUint(uint64(o.Probes), 10),
		"--directions", strconv.Itoa(o.Codes.Directions), "--centroid-type", o.CentroidType,
		"--threads", strconv.Itoa(o.Threads), "--codes", codes)
	fitted := int64(0)
	if o.Hidden != "" {
		kinds := make([]string, len(o.Fit))
		for i, n := range o.Fit {
			kinds[i] = strconv.FormatInt(n, 10)
			fitted += n
		}
		args = append(args, "--hidden", process.Absolute(o.Hidden), "--fit", strings.Join(kinds, ","), "--records", records,
			"--tolerance", strconv.FormatFloat(float64(o.Codes.Tolerance), 'g', -1, 32))
	}
	start, done, err := t.follow(ctx, "calibrating", args, report)
	if err != nil {
		return CalibrateResult{}, err
	}
	result := CalibrateResult{Codes: o.Codes, Near: done.Near, Exact: done.Exact}
	if err := result.readCodes(codes, o.Columns); err != nil {
		return CalibrateResult{}, err
	}
	if o.Hidden != "" {
		if err := result.readPositions(records, start.Hidden-fitted); err != nil {
			return CalibrateResult{}, err
		}
	}
	return result, nil
}

// readCodes reads and checks the number n of directions, then little-endian float32 values, which must be finite: rows
// and activations [n][d], variances [n], weights [d].
func (r *CalibrateResult) readCodes(path string, d int64) error {
	words, err := readAllWords(path)
	if err != nil {
		return err
	}
	n := int64(0)
	if len(words) > 0 {
		n = int64(words[0])
	}
	if n == 0 || int64(len(words)) != 1+2*n*d+n+d {
		return hint.New(fmt.Sprintf("%s wrote codes of %d numbers for %d directions", toolName, len(words), n), rebuild)
	}
	values := make([]float32, len(words)-1)
	for i, word := range words[1:] {
		values[i] = math.Float32frombits(word)
		if value := float64(values[i]); math.IsNaN(value) || math.IsInf(value, 0) {
			return hint.New(fmt.Sprintf("%s wrote codes with %v in them", toolName, value), rebuild)
		}
	}
	take := func(n int64) []float32 {
		part := values[:n:n]
		values = values[n:]
		return part
	}
	r.Codes.Directions = int(n)
	r.Codes.Rows, r.Codes.Activations = take(n*d), take(n*d)
	r.Codes.Variances, r.Codes.Weights = take(n), take(d)
	return nil
}

// readPositions reads and checks the records of n hidden states.
func (r *CalibrateResult) readPositions(path string, n int64) error {
	words, err := readWords(path, 2*n, "numbers")
	if err != nil {
		return err
	}
	r.Positions = make([]Position, n)
	for i := range r.Positions {
		p := Position{KLD: math.Float32frombits(words[2*i]), Same: words[2*i+1] == 1}
		if !(p.KLD > -1 && p.KLD < 1000) {
			return hint.New(fmt.Sprintf("%s recorded a divergence of %v", toolName, p.KLD), rebuild)
		}
		r.Positions[i] = p
	}
	return nil
}
