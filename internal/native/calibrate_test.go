package native_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
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

// calibration returns options that calibrate a small head with random hidden states, and what these and its rows are.
func calibration(t *testing.T) (tool native.Tool, o native.CalibrateOptions, rows, hidden []float32) {
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
		Hidden: gguftest.Write(t, "hidden", data), Fit: 40, Rank: 8, CentroidType: "f32", Threads: 2,
	}, numbers(t, file.Tensors[0].Data), numbers(t, data)
}

func dot(x, y []float32) (sum float64) {
	for k := range x {
		sum += float64(x[k]) * float64(y[k])
	}
	return sum
}

// TestNativeCalibrate compares records of a head without a sketch with scores worked out here, and a sketch of half as
// many directions as columns with what it must do.
func TestNativeCalibrate(t *testing.T) {
	tool, o, rows, hidden := calibration(t)
	t.Setenv("FH_OLLAMA_CACHE", t.TempDir())
	calibrate := func(change func(*native.CalibrateOptions)) native.CalibrateResult {
		t.Helper()
		o := o
		change(&o)
		var seen []native.Progress
		result, err := tool.Calibrate(t.Context(), o, func(p native.Progress) { seen = append(seen, p) })
		if err != nil {
			t.Fatal(err)
		}
		if len(seen) == 0 || seen[0].Stage == "" || seen[len(seen)-1].Stage != "records" || seen[len(seen)-1].Fraction > 1 {
			t.Errorf("progress %+v", seen)
		}
		if len(result.Rows) != o.Rank*headColumns || len(result.Activations) != o.Rank*headColumns ||
			len(result.Records) != hiddenRows {
			t.Fatalf("%d, %d and %d records", len(result.Rows), len(result.Activations), len(result.Records))
		}
		return result
	}

	plain := calibrate(func(o *native.CalibrateOptions) { o.Rank = 0 })
	means := make([][]float32, headClusters)
	for c := range means {
		means[c] = make([]float32, headColumns)
		n := float32(0)
		for v, k := range o.Assignments {
			if int(k) == c {
				n++
				for i := range means[c] {
					means[c][i] += rows[v*headColumns+i]
				}
			}
		}
		for i := range means[c] {
			means[c][i] /= n
		}
	}
	for i, record := range plain.Records {
		x := hidden[i*headColumns : (i+1)*headColumns]
		logits, estimates, order := make([]float64, headRows), make([]float64, headRows), make([]int, headRows)
		for v := range order {
			logits[v], estimates[v], order[v] = dot(rows[v*headColumns:(v+1)*headColumns], x), dot(means[o.Assignments[v]], x), v
		}
		better := func(values []float64) func(a, b int) int {
			return func(a, b int) int { return cmp.Or(cmp.Compare(values[b], values[a]), a-b) }
		}
		slices.SortFunc(order, better(logits))
		byEstimate := slices.SortedFunc(slices.Values(order), better(estimates))
		var want []native.Record
		for _, v := range order[:40] {
			want = append(want, native.Record{Token: uint32(v), Required: uint32(slices.Index(byEstimate, v) + 1)})
		}
		if !slices.Equal(record, want) {
			t.Fatalf("hidden state %d:\n%v\n%v", i, record, want)
		}
	}

	required := func(result native.CalibrateResult) (sum int) {
		for _, record := range result.Records[o.Fit:] {
			for _, r := range record[:5] {
				sum += int(r.Required)
			}
		}
		return sum
	}
	sketched := calibrate(func(o *native.CalibrateOptions) { o.Rank = 16 })
	if sketched.Kept < 0.5 || sketched.Kept > 1 || required(sketched) > required(plain)*2/3 {
		t.Errorf("a sketch that keeps %.2f: the best five need %d tokens, %d without", sketched.Kept, required(sketched),
			required(plain))
	}
	again := calibrate(func(o *native.CalibrateOptions) { o.Rank, o.Threads = 16, 3 })
	again.Seconds = sketched.Seconds
	if !reflect.DeepEqual(sketched, again) {
		t.Error("other threads give another result")
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("FH_OLLAMA_CACHE"), "temporary", "*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestNativeCalibrateFailures gives what cannot be calibrated with.
func TestNativeCalibrateFailures(t *testing.T) {
	tool, o, _, hidden := calibration(t)
	file := func(change func(values []float32) []float32) string {
		data, err := binary.Append(nil, binary.LittleEndian, change(slices.Clone(hidden)))
		if err != nil {
			t.Fatal(err)
		}
		return gguftest.Write(t, "hidden", data)
	}
	t.Setenv("FH_OLLAMA_CACHE", t.TempDir())
	for want, change := range map[string]func(o *native.CalibrateOptions){
		"has 50 rows, 51 shall be fitted to":          func(o *native.CalibrateOptions) { o.Fit = 51 },
		"--fit must be a whole number from 1":         func(o *native.CalibrateOptions) { o.Fit = 0 },
		"--rank must be a multiple of 8":              func(o *native.CalibrateOptions) { o.Rank = 12 },
		"--rank must be a whole number from 0 to 64":  func(o *native.CalibrateOptions) { o.Rank = 72 },
		"32 columns cannot have type q6_K":            func(o *native.CalibrateOptions) { o.CentroidType = "q6_K" },
		"32 columns cannot have type i32":             func(o *native.CalibrateOptions) { o.CentroidType = "i32" },
		"cluster 7 is empty":                          func(o *native.CalibrateOptions) { o.Clusters = 8 },
		"is in cluster 6 of 6":                        func(o *native.CalibrateOptions) { o.Clusters = 6 },
		"is not a file of 96 numbers":                 func(o *native.CalibrateOptions) { o.Assignments = o.Assignments[1:] },
		"no tensor output.weight":                     func(o *native.CalibrateOptions) { o.Tensor = "output.weight" },
		"missing is not a file of rows of 32 numbers": func(o *native.CalibrateOptions) { o.Hidden += "missing" },
		"hidden is not a file of rows of 32 numbers": func(o *native.CalibrateOptions) {
			o.Hidden = file(func(values []float32) []float32 { return values[1:] })
		},
		"has a NaN or infinite number in row 3": func(o *native.CalibrateOptions) {
			o.Hidden = file(func(values []float32) []float32 {
				values[4*headColumns-1], values[7*headColumns] = float32(math.Inf(-1)), float32(math.NaN())
				return values
			})
		},
		"NaN or infinite weight in row 95": func(o *native.CalibrateOptions) {
			broken := gguftest.Model(headRows, headColumns)
			data := broken.Tensors[0].Data
			broken.Tensors[0].Data = binary.LittleEndian.AppendUint32(slices.Clone(data[4:]),
				math.Float32bits(float32(math.Inf(1))))
			o.Model = gguftest.Write(t, "infinite.gguf", broken.Bytes())
		},
	} {
		o := o
		change(&o)
		if _, err := tool.Calibrate(t.Context(), o, func(native.Progress) {}); err == nil ||
			!strings.Contains(err.Error(), want) || hint.Of(err) == "" {
			t.Errorf("error %v, way out %q; want %q", err, hint.Of(err), want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("FH_OLLAMA_CACHE"), "temporary", "*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestCalibrateAnswers has a tool that says and writes what it should, and what it should not.
func TestCalibrateAnswers(t *testing.T) {
	const (
		paths   = `while [ $# -gt 0 ]; do case $1 in --sketch) sketch=$2;; --records) records=$2;; esac; shift; done` + "\n"
		start   = `echo '{"event":"start","tensor":"t","type":"f32","rows":2,"columns":1,"hidden":1,"threads":1}'` + "\n"
		done    = `echo '{"event":"done","kept":0.5,"rounds":3,"seconds":2}'` + "\n"
		sketch  = `printf '\0\0\200\077\0\0\0\300' >"$sketch"` + "\n" // 1, -2
		records = `printf '\001\0\0\0\002\0\0\0\0\0\0\0\001\0\0\0' >"$records"` + "\n"
	)
	calibrate := func(t *testing.T, body string) (native.CalibrateResult, error) {
		return native.Tool{Path: script(t, paths+body)}.Calibrate(t.Context(),
			native.CalibrateOptions{Map: native.Map{Columns: 1}, Rank: 1}, func(native.Progress) {})
	}
	got, err := calibrate(t, start+`echo '{"event":"progress","stage":"moment","fraction":0.5}'`+"\n"+sketch+records+done)
	want := native.CalibrateResult{Rows: []float32{1}, Activations: []float32{-2},
		Records: [][]native.Record{{{1, 2}, {0, 1}}}, Kept: 0.5, Seconds: 2}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, c := range map[string]struct{ body, want string }{
		"named cause":    {"echo 'error: out of memory' >&2; exit 1\n", "calibrating failed: out of memory"},
		"older tool":     {"echo 'error: unknown command: calibrate' >&2; exit 2\n", "unknown command: calibrate"},
		"no JSON":        {"echo hello; exec sleep 60\n", "hello"},
		"no end":         {start + sketch + records, "without a result"},
		"no sketch":      {start + records + done, "no such file"},
		"no records":     {start + sketch + done, "no such file"},
		"short sketch":   {start + `printf '\0\0\200\077' >"$sketch"` + "\n" + records + done, "4 bytes for 2 numbers"},
		"NaN in sketch":  {start + `printf '\0\0\200\077\0\0\300\177' >"$sketch"` + "\n" + records + done, "NaN"},
		"short records":  {start + sketch + `printf '\001\0\0\0\002\0\0\0' >"$records"` + "\n" + done, "8 bytes for 4 numbers"},
		"no such token":  {start + sketch + `printf '\002\0\0\0\002\0\0\0\0\0\0\0\001\0\0\0' >"$records"` + "\n" + done, "rank 2 for token 2 of 2"},
		"rank 0":         {start + sketch + `printf '\001\0\0\0\0\0\0\0\0\0\0\0\001\0\0\0' >"$records"` + "\n" + done, "rank 0 for token 1 of 2"},
		"rank too great": {start + sketch + `printf '\001\0\0\0\002\0\0\0\0\0\0\0\003\0\0\0' >"$records"` + "\n" + done, "rank 3 for token 0 of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := calibrate(t, c.body); err == nil || !strings.Contains(err.Error(), c.want) || hint.Of(err) == "" {
				t.Errorf("error %v, way out %q; want %q", err, hint.Of(err), c.want)
			}
		})
	}

	ctx, cancel := context.WithCancel(t.Context())
	tool := script(t, `echo '{"event":"progress","stage":"moment","fraction":0}'`+"\nexec sleep 60\n")
	_, err = native.Tool{Path: tool}.Calibrate(ctx, native.CalibrateOptions{}, func(native.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
