package flashhead_test

import (
	"bytes"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
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

// Of Ollama's gemma3n the runtime has as many rows as there are per-layer embeddings.
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
		if c.want != "" {
			hinttest.Check(t, err, c.want)
		} else if err != nil {
			t.Error(err)
		}
		if h.Bias != c.bias {
			t.Errorf("bias %t, want %t", h.Bias, c.bias)
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
		"embeddinggemma": {embeddinggemma, "is not a text generation model"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flashhead.FindHead(read(t, c.file))
			hinttest.Check(t, err, c.want)
		})
	}
}
