package native_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/native/nativetest"
)

const (
	headRows, headColumns = 96, 32
	headClusters          = 7
	hiddenRows            = 50
)

// numbers decodes little-endian float32.
func numbers(t *testing.T, data []byte) []float32 {
	t.Helper()
	values := make([]float32, len(data)/4)
	if _, err := binary.Decode(data, binary.LittleEndian, values); err != nil {
		t.Fatal(err)
	}
	return values
}

// calibration returns options that calibrate a small head with random hidden states, and these states.
func calibration(t *testing.T) (tool native.Tool, o native.CalibrateOptions, hidden []float32) {
	t.Helper()
	dir := nativetest.Dir(t)
	path, err := native.FindTool([]string{dir})
	if err != nil {
		t.Fatalf("%v in %s: run make build first", err, dir)
	}
	file := gguftest.Model(headRows, headColumns)
	data := gguftest.Floats(hiddenRows*headColumns, 9)
	assignments := make([]uint32, headRows)
	for v := range assignments {
		assignments[v] = uint32(v * v % headClusters) // of different sizes; the squares leave out 3, 5 and 6
	}
	assignments[3], assignments[5], assignments[6] = 3, 5, 6
	return native.Tool{Path: path}, native.CalibrateOptions{
		Map: native.Map{
			Head:        native.Head{Model: gguftest.Write(t, "in.gguf", file.Bytes()), Tensor: "token_embd.weight"},
			Assignments: assignments, Clusters: headClusters, Columns: headColumns,
		},
		Hidden: gguftest.Write(t, "hidden", data), Fit: []int64{30, 10}, Probes: 2, CentroidType: "f32",
		Threads: 2, Codes: flashhead.Codes{CoarseBits: 64, FineBytes: 32, Near: 48, Directions: headColumns},
	}, numbers(t, data)
}

// withBias writes the head with a bias, of n numbers that value gives.
func withBias(t *testing.T, n int, value func(token int) float32) (path string) {
	t.Helper()
	var data []byte
	for token := range n {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(value(token)))
	}
	file := gguftest.Model(headRows, headColumns)
	file.Tensors = append(file.Tensors, gguftest.T("output.bias", gguftest.TypeF32, data, uint64(n)))
	return gguftest.Write(t, "biased.gguf", file.Bytes())
}

// TestNativeCalibrate compares codes of few bits with those of many, and tolerances.
func TestNativeCalibrate(t *testing.T) {
	tool, o, _ := calibration(t)
	t.Setenv("FH_OLLAMA_CACHE", t.TempDir())
	calibrate := func(change func(*native.CalibrateOptions)) (result native.CalibrateResult, kld float64) {
		t.Helper()
		o := o
		change(&o)
		var seen []native.Progress
		result, err := tool.Calibrate(t.Context(), o, func(p native.Progress) { seen = append(seen, p) })
		if err != nil {
			t.Fatal(err)
		}
		if len(seen) == 0 || seen[0].Stage == "" || seen[len(seen)-1].Fraction > 1 {
			t.Errorf("progress %+v", seen)
		}
		if n := result.Codes.Directions; n == 0 || n > o.Codes.Directions {
			t.Fatalf("%d directions", n)
		}
		for _, position := range result.Positions {
			kld += float64(position.KLD)
		}
		return result, kld
	}
	many, manyKLD := calibrate(func(*native.CalibrateOptions) {})
	if len(many.Positions) != hiddenRows-40 || many.Near < 48 || many.Near > headRows || many.Exact < 1 ||
		many.Exact > headRows/2 {
		t.Errorf("%d positions, %g tokens near, %g exact", len(many.Positions), many.Near, many.Exact)
	}
	_, fewKLD := calibrate(func(o *native.CalibrateOptions) { o.Codes.CoarseBits, o.Codes.FineBytes = 8, 0 })
	if manyKLD >= fewKLD {
		t.Errorf("with many bits states diverge by %g, with few by %g", manyKLD, fewKLD)
	}
	close, closeKLD := calibrate(func(o *native.CalibrateOptions) { o.Codes.Tolerance = 1e-20 })
	if math.Abs(closeKLD) > 1e-4 || close.Exact < 0.9*headRows || close.Near != headRows { // but for the least likely
		t.Errorf("without tolerance states diverge by %g, %g tokens are exact, %g near", closeKLD, close.Exact, close.Near)
	}
	without, _ := calibrate(func(o *native.CalibrateOptions) { o.Hidden, o.Fit = "", nil })
	if without.Positions != nil || slices.Max(without.Codes.Weights) != 1 || slices.Min(without.Codes.Weights) != 1 {
		t.Errorf("without hidden states: %d positions, weights %v", len(without.Positions), without.Codes.Weights)
	}
	noneLeft(t)
}

// noneLeft checks that no temporary folder is in the cache.
func noneLeft(t *testing.T) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("FH_OLLAMA_CACHE"), "temporary", "*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestNativeCalibrateFailures has models and hidden states that cannot be used.
func TestNativeCalibrateFailures(t *testing.T) {
	tool, o, hidden := calibration(t)
	t.Setenv("FH_OLLAMA_CACHE", t.TempDir())
	for want, change := range map[string]func(o *native.CalibrateOptions){
		"32 columns cannot have type q6_K": func(o *native.CalibrateOptions) { o.CentroidType = "q6_K" },
		"cluster 7 is empty":               func(o *native.CalibrateOptions) { o.Clusters = 8 },
		"no tensor output.weight":          func(o *native.CalibrateOptions) { o.Tensor = "output.weight" },
		"has a NaN or infinite number in row 3": func(o *native.CalibrateOptions) {
			values := slices.Clone(hidden)
			values[4*headColumns-1], values[7*headColumns] = float32(math.Inf(-1)), float32(math.NaN())
			data, err := binary.Append(nil, binary.LittleEndian, values)
			if err != nil {
				t.Fatal(err)
			}
			o.Hidden = gguftest.Write(t, "hidden", data)
		},
		"NaN or infinite weight in row 95": func(o *native.CalibrateOptions) {
			broken := gguftest.Model(headRows, headColumns)
			data := broken.Tensors[0].Data
			broken.Tensors[0].Data = binary.LittleEndian.AppendUint32(slices.Clone(data[4:]),
				math.Float32bits(float32(math.Inf(1))))
			o.Model = gguftest.Write(t, "infinite.gguf", broken.Bytes())
		},
		"tensor output.bias has a NaN or infinite number for row 7": func(o *native.CalibrateOptions) {
			o.Model = withBias(t, headRows, func(token int) float32 { return float32(token-7) / float32(token-7) }) // 0/0
		},
		"tensor output.bias is not one F32 number for each row of token_embd.weight": func(o *native.CalibrateOptions) {
			o.Model = withBias(t, headRows-1, func(int) float32 { return 0 })
		},
	} {
		o := o
		change(&o)
		_, err := tool.Calibrate(t.Context(), o, func(native.Progress) {})
		hinttest.Check(t, err, want)
	}
	noneLeft(t)
}

// TestCalibrateAnswers has a tool with valid and invalid output.
func TestCalibrateAnswers(t *testing.T) {
	const (
		paths   = `while [ $# -gt 0 ]; do case $1 in --codes) codes=$2;; --records) records=$2;; esac; shift; done` + "\n"
		done    = `echo '{"event":"done","kept":0.5,"near":7.5,"exact":2.5,"rounds":3,"seconds":2}'` + "\n"
		codes   = `printf '\001\0\0\0\0\0\200\077\0\0\0\300\0\0\200\077\0\0\200\077' >"$codes"` + "\n" // 1; 1, -2, 1, 1
		records = `printf '\0\0\200\076\001\0\0\0' >"$records"` + "\n"                                 // 0.25, same
	)
	calibrate := func(t *testing.T, body string) (native.CalibrateResult, error) {
		return native.Tool{Path: script(t, paths+body)}.Calibrate(t.Context(),
			native.CalibrateOptions{Map: native.Map{Columns: 1}, Hidden: "h", Fit: []int64{1}}, func(native.Progress) {})
	}
	got, err := calibrate(t, `echo '{"event":"progress","stage":"moment","fraction":0.5}'`+"\n"+codes+records+done)
	want := native.CalibrateResult{
		Codes: flashhead.Codes{Directions: 1, Rows: []float32{1}, Activations: []float32{-2}, Variances: []float32{1},
			Weights: []float32{1}},
		Positions: []native.Position{{KLD: 0.25, Same: true}}, Near: 7.5, Exact: 2.5,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, c := range map[string]struct{ body, want string }{
		"no codes":   {records + done, "no such file"},
		"no records": {codes + done, "no such file"},
		"short codes": {`printf '\001\0\0\0\0\0\200\077' >"$codes"` + "\n" + records + done,
			"2 numbers for 1 directions"},
		"empty codes": {`: >"$codes"` + "\n" + records + done, "0 numbers for 0 directions"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := calibrate(t, c.body)
			hinttest.Check(t, err, c.want)
		})
	}
}
