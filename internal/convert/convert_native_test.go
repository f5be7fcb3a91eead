package convert_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/native/nativetest"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

const demoModel = "../../integration/testdata/fh-demo-12m-q8_0.gguf"

// native makes conversions use the build's own tool. The test fails without it.
func native(t *testing.T) func(*convert.Options) {
	t.Helper()
	dir := nativetest.Dir(t)
	return func(o *convert.Options) { o.LibDir = dir }
}

// checkConverted checks that out differs from in only by valid FlashHead keys, and returns these.
func checkConverted(t *testing.T, in, out string, s convert.Summary) flashhead.Parameters {
	t.Helper()
	a, b := open(t, in), open(t, out)
	if !reflect.DeepEqual(a.Tensors, b.Tensors) {
		t.Error("the tensors differ")
	}
	for _, tensor := range a.Tensors {
		x, y := make([]byte, tensor.Bytes), make([]byte, tensor.Bytes)
		if _, err := a.Data(tensor).ReadAt(x, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Data(tensor).ReadAt(y, 0); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			t.Errorf("tensor %s differs", tensor.Name)
		}
	}
	var keys, kept []string
	for _, kv := range a.Keys {
		if !flashhead.IsKey(kv.Key) {
			keys = append(keys, kv.Key+" "+kv.Kind())
		}
	}
	for _, kv := range b.Keys {
		if !flashhead.IsKey(kv.Key) {
			kept = append(kept, kv.Key+" "+kv.Kind())
		}
	}
	if !slices.Equal(keys, kept) {
		t.Errorf("keys %v became %v", keys, kept)
	}
	_, _, p := flashheadtest.Open(t, out)
	if b.Size-a.Size != s.Grown || !reflect.DeepEqual(p, s.Parameters) {
		t.Errorf("the summary says other than the file: %d bytes grown, %d really", s.Grown, b.Size-a.Size)
	}
	sizes := make([]int, p.Clusters)
	for _, k := range p.Assignments {
		sizes[k]++
	}
	if slices.Max(sizes)-slices.Min(sizes) > 1 {
		t.Errorf("clusters of %d to %d tokens", slices.Min(sizes), slices.Max(sizes))
	}
	return p
}

func open(t *testing.T, path string) *gguf.File {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestNativeConvert converts the small trained model: the same bytes whatever the number of threads, other clusters
// with another seed, and again from the converted file.
func TestNativeConvert(t *testing.T) {
	lib := native(t)
	data, err := os.ReadFile(demoModel)
	if err != nil {
		t.Fatal(err)
	}
	in := gguftest.Write(t, "in.gguf", data)
	dir := t.TempDir()
	options := func(seed uint32, threads int) func(*convert.Options) {
		return func(o *convert.Options) { o.Plain, o.Seed, o.Threads, o.Iterations = true, seed, threads, 3 }
	}
	one, two, other, again := filepath.Join(dir, "1"), filepath.Join(dir, "2"), filepath.Join(dir, "3"), filepath.Join(dir,
		"4")
	summary, err := run(in, one, lib, options(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	p := checkConverted(t, in, one, summary)
	if p.Clusters != 2000 || p.Probes != 250 || p.CentroidType.String() != "q4_0" || !slices.Contains(p.Pinned, 1) {
		t.Errorf("%d clusters, %d probes, %v centroids, pinned %v", p.Clusters, p.Probes, p.CentroidType, p.Pinned)
	}
	if p.Objective <= 0 || p.Objective >= 0.9 {
		t.Errorf("objective %v: clusters of a trained head are closer", p.Objective)
	}
	if _, err := run(in, two, lib, options(1, 3)); err != nil {
		t.Fatal(err)
	}
	if digest(t, one) != digest(t, two) {
		t.Error("the number of threads changes the file")
	}
	if summary, err = run(in, other, lib, options(2, 2)); err != nil {
		t.Fatal(err)
	}
	if q := checkConverted(t, in, other, summary); slices.Equal(p.Assignments, q.Assignments) {
		t.Error("the seed changes nothing")
	}
	refused(t, one, again, "already converted", lib, plain)
	if summary, err = run(one, again, lib, options(1, 2), force); err != nil {
		t.Fatal(err)
	}
	if q := checkConverted(t, one, again, summary); !slices.Equal(p.Assignments, q.Assignments) ||
		p.SourceSHA256 == q.SourceSHA256 {
		t.Error("a converted file converts to other clusters, or with the same source")
	}
	if got, err := os.ReadFile(in); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the source changed: %v", err)
	}
	if got := names(dir); got != "1 2 3 4" {
		t.Errorf("in the folder are %q", got)
	}
}

// TestNativeKinds converts heads of several kinds in files of several shapes.
func TestNativeKinds(t *testing.T) {
	testlevel.Long(t)
	lib := native(t)
	untied := gguftest.Model(96, 32)
	untied.Tensors = append(untied.Tensors,
		gguftest.T("output.weight", gguftest.TypeF16, halves(32*99), 32, 99), // padded: more rows than tokens
		gguftest.T("v.blk.0.attn_q.weight", gguftest.TypeF32, gguftest.Floats(32*8, 4), 32, 8))
	wide := gguftest.Model(50, 32)
	wide.Alignment = 64
	wide.KVs = append(wide.KVs, gguftest.V("general.alignment", uint32(64)))
	older := gguftest.Model(33, 20) // V no multiple of the cluster size, D none of 32
	older.Version = 2
	for name, c := range map[string]struct {
		file      gguftest.File
		clusters  uint32
		centroids string
	}{
		"untied":       {untied, 7, "q4_0"},
		"alignment 64": {wide, 4, "q4_0"},
		"version 2":    {older, 3, "f16"},
	} {
		t.Run(name, func(t *testing.T) {
			in, out := gguftest.Write(t, "in.gguf", c.file.Bytes()), filepath.Join(t.TempDir(), "out.gguf")
			summary, err := run(in, out, lib, plain)
			if err != nil {
				t.Fatal(err)
			}
			p := checkConverted(t, in, out, summary)
			if p.Clusters != c.clusters || p.Probes != flashhead.DefaultProbes(c.clusters) ||
				p.CentroidType.String() != c.centroids {
				t.Errorf("%d clusters, %d probes, %v", p.Clusters, p.Probes, p.CentroidType)
			}
			if text := summary.String(); !strings.Contains(text, "fh-ollama create --from "+out) {
				t.Errorf("the next step is not in the summary:\n%s", text)
			}
		})
	}
}

// TestNativeCodes makes codes without a text: the same bytes whatever the number of threads, and sizes by the quality.
func TestNativeCodes(t *testing.T) {
	lib, dir := native(t), t.TempDir()
	for _, c := range []struct {
		quality                              string
		bits, fine, near, directions, probes int
	}{{"", 160, 32, 3200, 96, 6}, {"high", 192, 64, 8000, 112, 16}} {
		options := func(threads int) func(*convert.Options) {
			return func(o *convert.Options) {
				o.NoCalibrate, o.Quality, o.Threads, o.Iterations = true, c.quality, threads, 2
			}
		}
		one, two := filepath.Join(dir, c.quality+"1"), filepath.Join(dir, c.quality+"2")
		summary, err := run(demoModel, one, lib, options(1))
		if err != nil {
			t.Fatal(err)
		}
		p := checkConverted(t, demoModel, one, summary)
		if got := p.Codes; p.Clusters != 500 || int(p.Probes) != c.probes || p.Calibration != nil ||
			got.CoarseBits != c.bits || got.FineBytes != c.fine || got.Near != c.near || got.Directions != c.directions ||
			slices.Min(got.Weights) != 1 || slices.Max(got.Weights) != 1 {
			t.Errorf("%q: %d clusters, P = %d, codes of %d bits and %d bytes for %d, %d directions", c.quality, p.Clusters,
				p.Probes, got.CoarseBits, got.FineBytes, got.Near, got.Directions)
		}
		if _, err := run(demoModel, two, lib, options(2)); err != nil {
			t.Fatal(err)
		}
		if digest(t, one) != digest(t, two) {
			t.Errorf("%q: the number of threads changes the file", c.quality)
		}
		o := convert.Defaults()
		o.Input, o.Output, o.ToolVersion = demoModel, one, "test"
		options(3)(&o)
		for _, same := range []bool{true, false} {
			made, err := convert.Made(t.Context(), o, progress.New(io.Discard))
			if err != nil || made != same {
				t.Errorf("%q: made %t, %v, want %t", c.quality, made, err, same)
			}
			o.Quality = map[string]string{"": "high", "high": ""}[c.quality]
		}
	}
}

// halves returns n F16 values around 1: bits 0x3bxx to 0x3fxx.
func halves(n int) []byte {
	b := gguftest.Random(2*n, 9)
	for i := 1; i < len(b); i += 2 {
		b[i] = 0x3b + b[i]%5
	}
	return b
}
