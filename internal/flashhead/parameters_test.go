package flashhead_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// sound returns parameters for a head of 40 x 32.
func sound() flashhead.Parameters {
	p := flashhead.Parameters{
		Clusters: 3, Probes: 2, Assignments: make([]uint32, 40), Pinned: []uint32{0, 39}, CentroidType: 2,
		Provenance: flashhead.Provenance{Tensor: "token_embd.weight", ClusterSize: 16, Seed: 7, Iterations: 8, Objective: 0.5,
			ToolVersion: "test", SourceSHA256: "abc"},
	}
	for i := range p.Assignments {
		p.Assignments[i] = uint32(i % 3)
	}
	return p
}

// write writes a model of 40 x 32 with keys and returns its path.
func write(t testing.TB, keys []gguf.NewValue) string {
	t.Helper()
	src, err := gguf.Open(gguftest.Write(t, "in.gguf", gguftest.Model(40, 32).Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	out, err := os.Create(filepath.Join(t.TempDir(), "out.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := src.Rewrite(out, flashhead.IsKey, keys, func(int64, int64) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

// written is write, opened.
func written(t *testing.T, keys []gguf.NewValue) *gguf.File {
	t.Helper()
	f, err := gguf.Open(write(t, keys))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A file has the parameters that were written, and no keys for what there is not.
func TestRoundTrip(t *testing.T) {
	clustering := []string{flashhead.KeyClusterSize, flashhead.KeySeed, flashhead.KeyIterations, flashhead.KeyObjective}
	targets := []string{flashhead.KeyTargetAgreement, flashhead.KeyTargetKLD, flashhead.KeyReached}
	for name, c := range map[string]struct {
		from   flashhead.Parameters
		change func(*flashhead.Parameters)
		absent []string
	}{
		"plain": {sound(), func(p *flashhead.Parameters) {}, []string{flashhead.KeyCoarseBits, flashhead.KeyTextSHA256}},
		"imported": {sound(), func(p *flashhead.Parameters) {
			p.Provenance = flashhead.Provenance{Tensor: "token_embd.weight", ImportedFrom: "elsewhere", ToolVersion: "test",
				SourceSHA256: "abc"}
		}, clustering},
		"calibrated": {calibrated(), func(p *flashhead.Parameters) {}, nil},
		"without codes": {calibrated(), func(p *flashhead.Parameters) {
			p.Codes, p.Calibration.Reached = flashhead.Codes{}, false
		}, nil},
		"without targets": {calibrated(), func(p *flashhead.Parameters) {
			p.Calibration.Targets = flashhead.Targets{}
		}, targets},
	} {
		want := c.from
		c.change(&want)
		f := written(t, want.Keys())
		got, err := flashhead.FromFile(f, head(t, f))
		if err != nil || !reflect.DeepEqual(got, want) || !flashhead.Converted(f) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		for _, key := range c.absent {
			if _, ok := f.Key(key); ok {
				t.Errorf("%s: %s is in the file", name, key)
			}
		}
	}
	if flashhead.Converted(read(t, gguftest.Model(40, 32))) {
		t.Error("an unconverted file is taken for a converted one")
	}
}

func TestClusterSizes(t *testing.T) {
	p := flashhead.Parameters{Clusters: 3, Assignments: []uint32{0, 1, 1, 1, 2, 0}}
	if least, most := p.ClusterSizes(); least != 1 || most != 3 || p.Sizes() != "1 to 3" {
		t.Errorf("clusters of %d to %d, %s", least, most, p.Sizes())
	}
}

// TestDamage damages one key at a time. The error must name it.
func TestDamage(t *testing.T) {
	edit := func(change func(*flashhead.Parameters)) []gguf.NewValue {
		p := calibrated()
		change(&p)
		return p.Keys()
	}
	coded := func(change func(*flashhead.Codes)) []gguf.NewValue {
		return edit(func(p *flashhead.Parameters) { change(&p.Codes) })
	}
	without := func(key string, instead ...gguf.NewValue) []gguf.NewValue {
		keys := slices.DeleteFunc(calibrated().Keys(), func(v gguf.NewValue) bool { return v.Key() == key })
		return append(keys, instead...)
	}
	type damage struct {
		keys []gguf.NewValue
		want string
	}
	cases := map[string]damage{
		"version of text": {without(flashhead.KeyVersion, gguf.Str(flashhead.KeyVersion, "1")), "version is str"},
		"assignments a number": {without(flashhead.KeyAssignments, gguf.U32(flashhead.KeyAssignments, 1)),
			"assignments is u32"},
		"too few assignments": {edit(func(p *flashhead.Parameters) { p.Assignments = p.Assignments[1:] }),
			"39 entries for 40"},
		"assignment out of K": {edit(func(p *flashhead.Parameters) { p.Assignments[5] = 3 }),
			"token 5 into cluster 3 of 3"},
		"negative assignment": {edit(func(p *flashhead.Parameters) { p.Assignments[5] = 1<<32 - 1 }),
			"token 5 into cluster"},
		"empty cluster":   {edit(func(p *flashhead.Parameters) { p.Clusters = 4 }), "cluster 3 empty"},
		"pinned out of V": {edit(func(p *flashhead.Parameters) { p.Pinned = []uint32{1, 40} }), "token 40 of 40"},
		"pinned of text": {without(flashhead.KeyPinnedTokens, gguf.Str(flashhead.KeyPinnedTokens, "")),
			"pinned_tokens is str"},
		"unknown centroid type": {edit(func(p *flashhead.Parameters) { p.CentroidType = 77 }), "not a type for centroids"},
		"centroid type too big": {edit(func(p *flashhead.Parameters) { p.CentroidType = 12 }), "multiple of 256"},
		"centroid type empty": {without(flashhead.KeyCentroidType, gguf.Str(flashhead.KeyCentroidType, "")),
			"not a type for centroids"},
		"centroid type in caps": {without(flashhead.KeyCentroidType, gguf.Str(flashhead.KeyCentroidType, "Q4_0")),
			"not a type for centroids"},
		"coarse bits of f32": {without(flashhead.KeyCoarseBits, gguf.F32(flashhead.KeyCoarseBits, 8)), "coarse_bits is f32"},
		"too many bits":      {coded(func(c *flashhead.Codes) { c.CoarseBits = 48 }), "too many for a code of 48 bits"},
		"no tolerance": {without(flashhead.KeyTolerance, gguf.F32(flashhead.KeyTolerance, float32(math.Inf(1)))),
			"tolerance is not a finite f32"},
		"rows too few": {coded(func(c *flashhead.Codes) { c.Rows = c.Rows[1:] }), "code.rows has 255 entries, not 256"},
		"rows of text": {without(flashhead.KeyCodeRows, gguf.Str(flashhead.KeyCodeRows, "x")), "code.rows has 1 entries"},
		"rows of integers": {without(flashhead.KeyCodeRows, gguf.U32s(flashhead.KeyCodeRows, make([]uint32, 256))),
			"code.rows is arr[u32]"},
		"NaN in activations": {coded(func(c *flashhead.Codes) { c.Activations[7] = float32(math.NaN()) }),
			"no usable number at 7"},
		"infinite row": {coded(func(c *flashhead.Codes) { c.Rows[255] = float32(math.Inf(-1)) }),
			"no usable number at 255"},
		"negative variance": {coded(func(c *flashhead.Codes) { c.Variances[1] = -1 }), "no usable number at 1"},
	}
	for _, key := range []string{flashhead.KeyVersion, flashhead.KeyClusterCount, flashhead.KeyAssignments,
		flashhead.KeyCentroidType, flashhead.KeyCoarseBits, flashhead.KeyCodeRows, flashhead.KeyCodeActivations,
		flashhead.KeyCodeWeights, flashhead.KeyCodeVariances} {
		cases["no "+key] = damage{without(key), key + " is missing"}
	}
	for key, values := range map[string][]uint32{
		flashhead.KeyVersion: {1}, flashhead.KeyClusterCount: {1, 41}, flashhead.KeyProbeCount: {0, 4},
		flashhead.KeyCoarseBits: {0, 12, 264}, flashhead.KeyFineBytes: {31, 2080}, flashhead.KeyNearTokens: {0, 41},
	} {
		for _, n := range values {
			said := fmt.Sprintf("%s is %d", key, n)
			cases[said] = damage{without(key, gguf.U32(key, n)), said}
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := written(t, c.keys)
			_, err := flashhead.FromFile(f, head(t, f))
			var damage *flashhead.DamageError
			if !errors.As(err, &damage) || len(damage.Problems) != 1 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; it should tell of %q alone", err, c.want)
			}
		})
	}
	several := append(without(flashhead.KeyVersion)[:1], gguf.U32(flashhead.KeyVersion, 9))
	f := written(t, several)
	_, err := flashhead.FromFile(f, head(t, f))
	for _, want := range []string{"version is 9", "assignments is missing", "probe_count is missing",
		"centroid_type is missing"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name all that is wrong: %s", err, want)
		}
	}
	for _, p := range []flashhead.Parameters{sound(), calibrated()} { // a bias needs codes
		f, want := written(t, p.Keys()), ""
		if !p.Codes.There() {
			want = "there are no codes, by which alone a head with a bias (output.bias) chooses"
		}
		h := head(t, f)
		h.Bias = true
		_, err := flashhead.FromFile(f, h)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("with a bias: %v, want %q", err, want)
		}
	}
	f = written(t, without(flashhead.KeyPinnedTokens))
	if _, err := flashhead.FromFile(f, head(t, f)); err != nil {
		t.Errorf("pinned tokens may be missing: %v", err)
	}
}
