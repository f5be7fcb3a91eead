package flashhead_test

import (
	"bytes"
	"errors"
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
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

func read(t *testing.T, file gguftest.File) *gguf.File {
	t.Helper()
	data := file.Bytes()
	f, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func head(t *testing.T, f *gguf.File) flashhead.Head {
	t.Helper()
	h, err := flashhead.FindHead(f)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestFindHead(t *testing.T) {
	tied := gguftest.Model(40, 32)
	h := head(t, read(t, tied))
	if h.Tensor.Name != "token_embd.weight" || !h.Tied || h.Vocab() != 40 || h.Width() != 32 {
		t.Errorf("tied: %+v", h)
	}
	untied := gguftest.Model(40, 32)
	untied.Tensors = append(untied.Tensors, gguftest.T("output.weight", gguftest.TypeF16, gguftest.Random(2*32*48, 1), 32,
		48))
	h = head(t, read(t, untied))
	if h.Tensor.Name != "output.weight" || h.Tied || h.Vocab() != 48 || h.Width() != 32 {
		t.Errorf("untied: %+v", h)
	}
	whole := gguftest.Model(40, 32)
	whole.KVs = append(whole.KVs, gguftest.V("split.count", uint16(1)), gguftest.V("llama.pooling_type", uint32(0)))
	head(t, read(t, whole))
}

// TestRowsAtRunTime: of Ollama's gemma3n the runtime has as many rows as there are embeddings by layer.
func TestRowsAtRunTime(t *testing.T) {
	model := func(arch string, byLayer uint64) gguftest.File {
		f := gguftest.Model(40, 32)
		f.KVs[0] = gguftest.V("general.architecture", arch)
		f.Tensors = append(f.Tensors, gguftest.T("per_layer_token_embd.weight", gguftest.TypeF32, make([]byte, 4*8*byLayer),
			8, byLayer))
		return f
	}
	for _, c := range []struct {
		file gguftest.File
		want int64
	}{{model("gemma3n", 36), 36}, {model("gemma3n", 40), 40}, {model("gemma3n", 44), 40}, {model("gemma4", 36), 40}} {
		h := head(t, read(t, c.file))
		if h.Vocab() != c.want || h.Width() != 32 || h.Tensor.Bytes != c.want*32*4 {
			t.Errorf("%d rows of %d in %d bytes, not %d rows", h.Vocab(), h.Width(), h.Tensor.Bytes, c.want)
		}
	}
	untied := model("gemma3n", 36)
	untied.Tensors = append(untied.Tensors, gguftest.T("output.weight", gguftest.TypeF32, make([]byte, 4*32*40), 32, 40))
	if h := head(t, read(t, untied)); h.Vocab() != 40 {
		t.Errorf("%d rows of an untied head", h.Vocab())
	}
}

func TestObstacle(t *testing.T) {
	biased := func(arch string, size int) gguftest.File {
		f := gguftest.Model(40, 32)
		f.KVs[0] = gguftest.V("general.architecture", arch)
		f.Tensors = append(f.Tensors, gguftest.T("output.bias", gguftest.TypeF32, make([]byte, 4*size), uint64(size)))
		return f
	}
	halves := gguftest.Model(40, 32)
	halves.Tensors = append(halves.Tensors, gguftest.T("output.bias", gguftest.TypeF16, make([]byte, 2*40), 40))
	bitnet := gguftest.Model(40, 32)
	bitnet.KVs[0] = gguftest.V("general.architecture", "bitnet")
	for _, c := range []struct {
		file gguftest.File
		bias bool
		want string
	}{
		{gguftest.Model(40, 32), false, ""}, {bitnet, false, "no output head"}, {biased("phi2", 40), true, ""},
		{biased("phi2", 39), true, "is not one f32 number for each token"},
		{halves, true, "output.bias, f16 of shape [40]"},
		{biased("dream", 40), true, "which llama.cpp does not add"},
		{biased("qwen2vl", 40), true, "which llama.cpp does not add"},
	} {
		f := read(t, c.file)
		h := head(t, f)
		err := flashhead.Obstacle(f, h)
		if c.want == "" && err != nil || c.want != "" &&
			(err == nil || !strings.Contains(err.Error(), c.want) || hint.Of(err) == "") || h.Bias != c.bias {
			t.Errorf("%v, want %q; bias %t, want %t", err, c.want, h.Bias, c.bias)
		}
	}
}

func TestNoHead(t *testing.T) {
	arch := func(name string, more ...gguftest.KV) gguftest.File {
		f := gguftest.Model(40, 32)
		f.KVs[0] = gguftest.V("general.architecture", name)
		f.KVs = append(f.KVs, more...)
		return f
	}
	headless := gguftest.Model(40, 32)
	headless.Tensors = headless.Tensors[1:]
	eagle := arch("eagle3") // the embedding is no head
	embeddinggemma := arch("gemma3")
	embeddinggemma.Tensors = append(embeddinggemma.Tensors,
		gguftest.T("dense.0.weight", gguftest.TypeF32, make([]byte, 4*32*2), 32, 2))
	flat := gguftest.Model(40, 32)
	flat.Tensors[0].Shape = []uint64{40 * 32}
	integers := gguftest.Model(40, 32)
	integers.Tensors[0].Type, integers.Tensors[0].Shape[0] = gguftest.TypeI8, 128
	for name, c := range map[string]struct {
		file gguftest.File
		want string
	}{
		"integers":       {integers, "type i8, which weights cannot have"},
		"adapter":        {headless, "no output head"},
		"nothing at all": {gguftest.File{}, "no output head"},
		"encoder":        {arch("bert"), "no output head"},
		"projector":      {arch("clip"), "no output head"},
		"embedder":       {arch("qwen3", gguftest.V("qwen3.pooling_type", uint32(3))), "no output head"},
		"draft":          {eagle, "uses that of its target"},
		"part":           {arch("llama", gguftest.V("split.count", uint16(3))), "one of 3 parts"},
		"flat":           {flat, "shape [1280]"},
		"embeddinggemma": {embeddinggemma, "is no model that writes text"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flashhead.FindHead(read(t, c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) || hint.Of(err) == "" {
				t.Errorf("error %v, way out %q; it should tell of %q", err, hint.Of(err), c.want)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	for k, want := range map[uint32]uint32{2: 1, 8: 1, 9: 2, 2000: 250, 2048: 256, 4096: 256, 4097: 257, 8016: 501,
		16384: 1024} {
		if got := flashhead.DefaultProbes(k); got != want {
			t.Errorf("DefaultProbes(%d) = %d, want %d", k, got, want)
		}
	}
	h32, h20 := head(t, read(t, gguftest.Model(40, 32))), head(t, read(t, gguftest.Model(40, 20)))
	for _, c := range []struct {
		name string
		head flashhead.Head
		want string
	}{{"", h32, "q4_0"}, {"", h20, "f16"}, {"Q8_0", h32, "q8_0"}, {"bf16", h20, "bf16"}, {"q4_0", h20, ""}, {"q4_K", h32,
		""}, {"iq1_s", h32, ""}, {"i8", h32, ""}, {"int4", h32, ""}} {
		got, err := flashhead.CentroidType(c.name, c.head)
		if c.want == "" && err == nil || c.want != "" && (err != nil || got.String() != c.want) {
			t.Errorf("CentroidType(%q) for rows of %d = %v, %v; want %q", c.name, c.head.Width(), got, err, c.want)
		}
	}
}

func TestDefaultPinned(t *testing.T) {
	pinned := func(file gguftest.File) []uint32 {
		f := read(t, file)
		return flashhead.DefaultPinned(f, head(t, f))
	}
	few := gguftest.Model(40, 32) // control tokens 0 and 2; keys name 0 and 1
	few.KVs = append(few.KVs, gguftest.V("tokenizer.ggml.eot_token_id", uint32(39)),
		gguftest.V("tokenizer.ggml.padding_token_id", int32(-1)),
		gguftest.V("tokenizer.ggml.eom_token_id", uint32(40)), gguftest.V("llama.decoder_start_token_id", uint32(7)))
	if got := pinned(few); !slices.Equal(got, []uint32{0, 1, 2, 39}) {
		t.Errorf("pinned %v", got)
	}
	padded := gguftest.Model(40, 32) // more types than rows
	types := make([]int32, 60)
	types[50], types[5] = 3, 3
	padded.KVs[len(padded.KVs)-1] = gguftest.V("tokenizer.ggml.token_type", gguftest.A(types))
	if got := pinned(padded); !slices.Equal(got, []uint32{0, 1, 5}) {
		t.Errorf("with a token list longer than the head: %v", got)
	}
	bare := gguftest.Model(40, 32)
	bare.KVs = bare.KVs[:1]
	if got := pinned(bare); got == nil || len(got) != 0 {
		t.Errorf("without a tokenizer: %v", got)
	}
}

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

// write returns a model of 40 x 32 with the keys of p, opened.
func write(t *testing.T, keys []gguf.NewValue) *gguf.File {
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
	f, err := gguf.Open(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestParametersRoundTrip(t *testing.T) {
	want := sound()
	f := write(t, want.Keys())
	got, err := flashhead.FromFile(f, head(t, f))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if !flashhead.Converted(f) || flashhead.Converted(read(t, gguftest.Model(40, 32))) {
		t.Error("Converted does not tell the files apart")
	}
}

// calibrated returns parameters with codes and what a calibration leaves.
func calibrated() flashhead.Parameters {
	p := sound()
	const n, d = 8, 32
	p.Codes = flashhead.Codes{CoarseBits: 16, FineBytes: 32, Near: 5, Directions: n, Rows: make([]float32, n*d),
		Activations: make([]float32, n*d), Variances: make([]float32, n), Weights: make([]float32, d)}
	for i := range p.Codes.Rows {
		p.Codes.Rows[i], p.Codes.Activations[i] = float32(i), -float32(i)/256
	}
	p.Calibration = &flashhead.Calibration{TextSHA256: "def", TextName: "t.txt", Tokens: 4000, HeldOut: 2000,
		Targets: flashhead.Targets{Agreement: 0.995, KLD: 0.02}, Reached: true,
		Kinds: []flashhead.Kind{{Name: "a", Positions: 1500, SameTop: 0.999, KLD: 0.004},
			{Name: "b", Positions: 500, SameTop: 1, KLD: 0.02}}}
	return p
}

func TestCalibratedRoundTrip(t *testing.T) {
	want := calibrated()
	f := write(t, want.Keys())
	got, err := flashhead.FromFile(f, head(t, f))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if worst, ok := got.Calibration.Worst(); !ok || worst.Name != "b" {
		t.Errorf("the worst kind is %+v", worst)
	}
	want.Codes, want.Calibration.Reached = flashhead.Codes{}, false
	f = write(t, want.Keys())
	if got, err = flashhead.FromFile(f, head(t, f)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("without codes: %+v, %v", got, err)
	}
	want.Calibration.Targets, want.Calibration.Reached = flashhead.Targets{}, true
	f = write(t, want.Keys())
	if got, err = flashhead.FromFile(f, head(t, f)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("without targets: %+v, %v", got, err)
	}
	for _, key := range []string{flashhead.KeyTargetAgreement, flashhead.KeyTargetKLD, flashhead.KeyReached} {
		if _, ok := f.Key(key); ok {
			t.Errorf("%s is in the file", key)
		}
	}
}

func TestOverall(t *testing.T) {
	got := calibrated().Calibration.Overall()
	if got.Positions != 2000 || got.SameTop != 0.99925 || math.Abs(float64(got.KLD)-0.008) > 1e-7 {
		t.Errorf("%+v", got)
	}
	if got := (&flashhead.Calibration{}).Overall(); got != (flashhead.Kind{Name: "all"}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestTargets(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		targets flashhead.Targets
		good    bool
	}{
		{flashhead.Targets{}, true}, {flashhead.Targets{Agreement: 0.51}, true}, {flashhead.Targets{Agreement: 1}, true},
		{flashhead.Targets{KLD: 0.001}, true}, {flashhead.Targets{Agreement: 0.5}, false},
		{flashhead.Targets{Agreement: 1.01}, false}, {flashhead.Targets{Agreement: -1}, false},
		{flashhead.Targets{Agreement: nan}, false}, {flashhead.Targets{KLD: -1}, false},
		{flashhead.Targets{KLD: 11}, false}, {flashhead.Targets{KLD: nan}, false},
	} {
		if err := c.targets.Check(); (err == nil) != c.good {
			t.Errorf("%+v: %v", c.targets, err)
		}
	}
	kinds := calibrated().Calibration.Kinds // same top 0.999 and 1, KLD 0.004 and 0.02
	for _, c := range []struct {
		targets flashhead.Targets
		met     bool
		words   string
	}{
		{flashhead.Targets{}, true, ""}, {flashhead.Targets{Agreement: 0.999}, true, "same top 99.9 %"},
		{flashhead.Targets{Agreement: 0.9995}, false, "same top 99.95 %"}, {flashhead.Targets{KLD: 0.02}, true, "KLD 0.02"},
		{flashhead.Targets{Agreement: 0.99, KLD: 0.01}, false, "same top 99 %, KLD 0.01"},
	} {
		if got := c.targets.Met(kinds); got != c.met || c.targets.String() != c.words {
			t.Errorf("%+v: met %t, %q", c.targets, got, c.targets)
		}
	}
}

// Codes and a token's part of a centroid take at most a share of a row, but for heads so small that this leaves
// nothing.
func TestQualities(t *testing.T) {
	tensorType := func(name string) gguf.TensorType { got, _ := gguf.ParseTensorType(name); return got }
	for _, c := range []struct {
		quality, head                         string
		rows, columns                         int64
		coarse, fine, near, directions, exact int64
	}{
		{"", "q8_0", 262144, 640, 160, 128, 26215, 96, 2731},
		{"default", "q8_0", 151936, 896, 160, 192, 15194, 96, 1583},
		{"", "q8_0", 49152, 576, 160, 96, 4916, 96, 512},
		{"", "q8_0", 32000, 256, 160, 32, 3200, 96, 334},
		{"", "q8_0", 128256, 2048, 160, 480, 12826, 96, 1336},
		{"", "f32", 32000, 256, 160, 128, 3200, 96, 334},   // four bits for each column are all that there are
		{"", "f32", 32000, 8192, 160, 2048, 3200, 96, 334}, // the most that a code may have
		{"", "q8_0", 100, 32, 160, 0, 10, 32, 1},
		{"", "f32", 100, 1, 8, 0, 10, 2, 1},
		{"high", "q8_0", 262144, 640, 192, 256, 65536, 112, 8192},
		{"high", "q8_0", 32000, 256, 192, 64, 8000, 112, 1000},
		{"high", "q4_0", 32000, 256, 192, 32, 8000, 112, 1000},
	} {
		quality, err := flashhead.ParseQuality(c.quality)
		if err != nil {
			t.Fatal(err)
		}
		weight := tensorType(c.head)
		head := flashhead.Head{Tensor: gguf.Tensor{Type: weight, Shape: []int64{c.columns, c.rows},
			Bytes: c.rows * weight.RowBytes(c.columns)}}
		k := head.Clusters(flashhead.CodedClusterSize)
		got := quality.Codes(head, k, tensorType("q4_0"))
		want := flashhead.Codes{CoarseBits: int(c.coarse), FineBytes: int(c.fine), Near: int(c.near),
			Directions: int(c.directions), Tolerance: map[bool]float32{false: 0.0125, true: 0.0025}[c.quality == "high"]}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: %+v", c, got)
		}
		exact := int64(quality.Probes(k)) * c.rows / int64(k)
		if exact < c.exact || exact >= c.exact+c.rows/int64(k)+1 {
			t.Errorf("%+v: %d tokens are scored exactly", c, exact)
		}
	}
	if _, err := flashhead.ParseQuality("best"); err == nil || hint.Of(err) != "choose from default, high" {
		t.Errorf("%v, %q", err, hint.Of(err))
	}
}

// TestImportedRoundTrip has clusters of 2, 37 and 1 tokens, and no keys that tell of a clustering.
func TestImportedRoundTrip(t *testing.T) {
	want := sound()
	for i := range want.Assignments {
		want.Assignments[i] = 1
	}
	want.Assignments[0], want.Assignments[9], want.Assignments[39] = 0, 0, 2
	want.Provenance = flashhead.Provenance{Tensor: "token_embd.weight", ImportedFrom: "elsewhere", ToolVersion: "test",
		SourceSHA256: "abc"}
	f := write(t, want.Keys())
	got, err := flashhead.FromFile(f, head(t, f))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if least, most := got.ClusterSizes(); least != 1 || most != 37 {
		t.Errorf("clusters of %d to %d", least, most)
	}
	for _, key := range []string{flashhead.KeyClusterSize, flashhead.KeySeed, flashhead.KeyIterations,
		flashhead.KeyObjective} {
		if _, ok := f.Key(key); ok {
			t.Errorf("%s is in the file", key)
		}
	}
}

// TestDamage makes one thing wrong after the other; each must be named.
func TestDamage(t *testing.T) {
	edit := func(change func(*flashhead.Parameters)) []gguf.NewValue {
		p := sound()
		change(&p)
		return p.Keys()
	}
	coded := func(change func(*flashhead.Codes)) []gguf.NewValue {
		p := calibrated()
		change(&p.Codes)
		return p.Keys()
	}
	withoutCode := func(key string, instead ...gguf.NewValue) []gguf.NewValue {
		keys := slices.DeleteFunc(calibrated().Keys(), func(v gguf.NewValue) bool { return v.Key() == key })
		return append(keys, instead...)
	}
	without := func(key string, instead ...gguf.NewValue) []gguf.NewValue {
		keys := slices.DeleteFunc(sound().Keys(), func(v gguf.NewValue) bool { return v.Key() == key })
		return append(keys, instead...)
	}
	for name, c := range map[string]struct {
		keys []gguf.NewValue
		want string
	}{
		"version 1":            {without(flashhead.KeyVersion, gguf.U32(flashhead.KeyVersion, 1)), "version is 1"},
		"no version":           {without(flashhead.KeyVersion), "version is missing"},
		"version of text":      {without(flashhead.KeyVersion, gguf.Str(flashhead.KeyVersion, "1")), "version is str"},
		"no cluster count":     {without(flashhead.KeyClusterCount), "cluster_count is missing"},
		"one cluster":          {edit(func(p *flashhead.Parameters) { p.Clusters = 1 }), "cluster_count is 1"},
		"more clusters than V": {edit(func(p *flashhead.Parameters) { p.Clusters = 41 }), "cluster_count is 41"},
		"no assignments":       {without(flashhead.KeyAssignments), "assignments is missing"},
		"assignments a number": {without(flashhead.KeyAssignments, gguf.U32(flashhead.KeyAssignments, 1)),
			"assignments is u32"},
		"too few assignments": {edit(func(p *flashhead.Parameters) { p.Assignments = p.Assignments[1:] }),
			"39 entries for 40"},
		"assignment out of K": {edit(func(p *flashhead.Parameters) { p.Assignments[5] = 3 }),
			"token 5 into cluster 3 of 3"},
		"negative assignment": {edit(func(p *flashhead.Parameters) { p.Assignments[5] = 1<<32 - 1 }),
			"token 5 into cluster"},
		"empty cluster":   {edit(func(p *flashhead.Parameters) { p.Clusters = 4 }), "cluster 3 empty"},
		"no probes":       {edit(func(p *flashhead.Parameters) { p.Probes = 0 }), "probe_count is 0"},
		"too many probes": {edit(func(p *flashhead.Parameters) { p.Probes = 4 }), "probe_count is 4"},
		"pinned out of V": {edit(func(p *flashhead.Parameters) { p.Pinned = []uint32{1, 40} }), "token 40 of 40"},
		"pinned of text": {without(flashhead.KeyPinnedTokens, gguf.Str(flashhead.KeyPinnedTokens, "")),
			"pinned_tokens is str"},
		"unknown centroid type": {edit(func(p *flashhead.Parameters) { p.CentroidType = 77 }),
			"no type that centroids can have"},
		"centroid type too big": {edit(func(p *flashhead.Parameters) { p.CentroidType = 12 }), "multiple of 256"},
		"centroid type empty": {without(flashhead.KeyCentroidType, gguf.Str(flashhead.KeyCentroidType, "")),
			"no type that centroids can have"},
		"centroid type in caps": {without(flashhead.KeyCentroidType, gguf.Str(flashhead.KeyCentroidType, "Q4_0")),
			"no type that centroids can have"},
		"no centroid type": {without(flashhead.KeyCentroidType), "centroid_type is missing"},
		"no coarse bits":   {withoutCode(flashhead.KeyCoarseBits), "coarse_bits is missing"},
		"coarse bits of f32": {withoutCode(flashhead.KeyCoarseBits, gguf.F32(flashhead.KeyCoarseBits, 8)),
			"coarse_bits is f32"},
		"no bits":  {withoutCode(flashhead.KeyCoarseBits, gguf.U32(flashhead.KeyCoarseBits, 0)), "coarse_bits is 0"},
		"12 bits":  {coded(func(c *flashhead.Codes) { c.CoarseBits = 12 }), "coarse_bits is 12"},
		"264 bits": {coded(func(c *flashhead.Codes) { c.CoarseBits = 264 }), "coarse_bits is 264"},
		"too many bits": {coded(func(c *flashhead.Codes) { c.CoarseBits = 48 }),
			"too few or too many for a code of 48 bits"},
		"31 fine bytes":   {coded(func(c *flashhead.Codes) { c.FineBytes = 31 }), "fine_bytes is 31"},
		"many fine bytes": {coded(func(c *flashhead.Codes) { c.FineBytes = 2080 }), "fine_bytes is 2080"},
		"none near":       {withoutCode(flashhead.KeyNearTokens, gguf.U32(flashhead.KeyNearTokens, 0)), "near_tokens is 0"},
		"no tolerance": {withoutCode(flashhead.KeyTolerance, gguf.F32(flashhead.KeyTolerance, float32(math.Inf(1)))),
			"tolerance is no finite f32"},
		"too many near":  {coded(func(c *flashhead.Codes) { c.Near = 41 }), "near_tokens is 41"},
		"no rows":        {withoutCode(flashhead.KeyCodeRows), "code.rows is missing"},
		"no activations": {withoutCode(flashhead.KeyCodeActivations), "code.activations is missing"},
		"no weights":     {withoutCode(flashhead.KeyCodeWeights), "code.weights is missing"},
		"no variances":   {withoutCode(flashhead.KeyCodeVariances), "code.variances is missing"},
		"rows too few": {coded(func(c *flashhead.Codes) { c.Rows = c.Rows[1:] }),
			"code.rows has 255 entries, not 256"},
		"rows of text": {withoutCode(flashhead.KeyCodeRows, gguf.Str(flashhead.KeyCodeRows, "x")),
			"code.rows has 1 entries"},
		"rows of integers": {withoutCode(flashhead.KeyCodeRows, gguf.U32s(flashhead.KeyCodeRows, make([]uint32, 256))),
			"code.rows is arr[u32]"},
		"NaN in activations": {coded(func(c *flashhead.Codes) { c.Activations[7] = float32(math.NaN()) }),
			"no usable number at 7"},
		"infinite row": {coded(func(c *flashhead.Codes) { c.Rows[255] = float32(math.Inf(-1)) }),
			"no usable number at 255"},
		"negative variance": {coded(func(c *flashhead.Codes) { c.Variances[1] = -1 }), "no usable number at 1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := write(t, c.keys)
			_, err := flashhead.FromFile(f, head(t, f))
			var damage *flashhead.DamageError
			if !errors.As(err, &damage) || len(damage.Problems) != 1 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; it should tell of %q alone", err, c.want)
			}
		})
	}
	several := append(without(flashhead.KeyVersion)[:1], gguf.U32(flashhead.KeyVersion, 9))
	f := write(t, several)
	_, err := flashhead.FromFile(f, head(t, f))
	for _, want := range []string{"version is 9", "assignments is missing", "probe_count is missing",
		"centroid_type is missing"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name all that is wrong: %s", err, want)
		}
	}
	for _, p := range []flashhead.Parameters{sound(), calibrated()} { // a bias needs codes
		f, want := write(t, p.Keys()), ""
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
	if f := write(t, without(flashhead.KeyPinnedTokens)); true {
		if _, err := flashhead.FromFile(f, head(t, f)); err != nil {
			t.Errorf("pinned tokens may be missing: %v", err)
		}
	}
}
