package convert_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/native/nativetest"
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
	a, err := gguf.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, _, p := flashheadtest.Open(t, out)
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
	foreign := func(f *gguf.File) (keys []string) {
		for _, kv := range f.Keys {
			if !flashhead.IsKey(kv.Key) {
				keys = append(keys, kv.Key+" "+kv.Kind())
			}
		}
		return keys
	}
	if keys, kept := foreign(a), foreign(b); !slices.Equal(keys, kept) {
		t.Errorf("keys %v became %v", keys, kept)
	}
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
