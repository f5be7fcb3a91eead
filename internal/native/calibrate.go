package native

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

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
	dir, err := newFolder()
	if err != nil {
		return CalibrateResult{}, err
	}
	defer dir.Remove()
	codes, records := filepath.Join(dir.Path, "codes"), filepath.Join(dir.Path, "records")
	args, err := o.args(dir.Path)
	if err != nil {
		return CalibrateResult{}, err
	}
	args = append([]string{"calibrate"}, args...)
	args = append(args, "--coarse-bits", strconv.Itoa(o.Codes.CoarseBits), "--fine-bytes", strconv.Itoa(o.Codes.FineBytes),
		"--near", strconv.Itoa(o.Codes.Near), "--probes", strconv.FormatUint(uint64(o.Probes), 10),
		"--directions", strconv.Itoa(o.Codes.Directions), "--centroid-type", o.CentroidType,
		"--threads", strconv.Itoa(o.Threads), "--codes", codes)
	if o.Hidden != "" {
		kinds := make([]string, len(o.Fit))
		for i, n := range o.Fit {
			kinds[i] = strconv.FormatInt(n, 10)
		}
		args = append(args, "--hidden", process.Absolute(o.Hidden), "--fit", strings.Join(kinds, ","), "--records", records,
			"--tolerance", strconv.FormatFloat(float64(o.Codes.Tolerance), 'g', -1, 32))
	}
	done, err := t.follow(ctx, "calibrating", args, report)
	if err != nil {
		return CalibrateResult{}, err
	}
	result := CalibrateResult{Codes: o.Codes, Near: done.Near, Exact: done.Exact}
	if err := result.readCodes(codes, o.Columns); err != nil || o.Hidden == "" {
		return result, err
	}
	pairs, err := readNumbers[float32](records) // the divergence, and the integer 1 for the same token or 0
	for i := 0; i+1 < len(pairs); i += 2 {
		result.Positions = append(result.Positions, Position{pairs[i], math.Float32bits(pairs[i+1]) == 1})
	}
	return result, err
}

// readCodes reads the integer n, the number of directions, then rows and activations [n][d], variances [n] and
// weights [d].
func (r *CalibrateResult) readCodes(path string, d int64) error {
	values, err := readNumbers[float32](path)
	if err != nil {
		return err
	}
	n := int64(0)
	if len(values) > 0 {
		n = int64(math.Float32bits(values[0]))
	}
	if n == 0 || int64(len(values)) != 1+2*n*d+n+d {
		return hint.New(fmt.Sprintf("%s wrote codes of %d numbers for %d directions", toolName, len(values), n), rebuild)
	}
	values = values[1:]
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
