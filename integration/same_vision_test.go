package integration

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"path/filepath"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// projector writes a tiny projector with random weights (CLIP with LLaVA's MLP) and returns its path. It turns an image
// into four embeddings of the trained model's width. They are meaningless, but differ between images.
func projector(t *testing.T, dir string) string {
	t.Helper()
	const (
		imageSize, patchSize = 28, 14
		patches              = (imageSize / patchSize) * (imageSize / patchSize)
		width, ffn, heads    = 32, 64, 2
		blocks               = 2    // the last one is not used
		modelWidth           = 256  // of the trained model
		deviation            = 0.25 // about 1/sqrt of the columns
	)
	w := newTinyWeights(21)
	zeros := func(name string, n uint64) { w.vector(name, n, 0) }
	w.matrix("v.patch_embd.weight", 0.05, patchSize, patchSize, 3, width)
	w.matrix("v.class_embd", 1, width)
	w.matrix("v.position_embd.weight", 1, width, patches+1)
	for _, block := range []string{"v.blk.0.", "v.blk.1."} {
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_out"} {
			w.matrix(block+name+".weight", deviation, width, width)
			zeros(block+name+".bias", width)
		}
		for _, name := range []string{"ln1", "ln2"} {
			w.norm(block+name+".weight", width)
			zeros(block+name+".bias", width)
		}
		w.matrix(block+"ffn_up.weight", deviation, width, ffn)
		zeros(block+"ffn_up.bias", ffn)
		w.matrix(block+"ffn_down.weight", deviation, ffn, width)
		zeros(block+"ffn_down.bias", width)
	}
	w.matrix("mm.0.weight", deviation, width, modelWidth)
	zeros("mm.0.bias", modelWidth)
	w.matrix("mm.2.weight", deviation, modelWidth, modelWidth)
	zeros("mm.2.bias", modelWidth)
	return w.write(t, filepath.Join(dir, "projector.gguf"), []gguftest.KV{
		gguftest.V("general.architecture", "clip"),
		gguftest.V("general.type", "mmproj"),
		gguftest.V("clip.has_vision_encoder", true),
		gguftest.V("clip.projector_type", "mlp"),
		gguftest.V("clip.vision.image_size", uint32(imageSize)),
		gguftest.V("clip.vision.patch_size", uint32(patchSize)),
		gguftest.V("clip.vision.embedding_length", uint32(width)),
		gguftest.V("clip.vision.feed_forward_length", uint32(ffn)),
		gguftest.V("clip.vision.projection_dim", uint32(modelWidth)),
		gguftest.V("clip.vision.block_count", uint32(blocks)),
		gguftest.V("clip.vision.attention.head_count", uint32(heads)),
		gguftest.V("clip.vision.attention.layer_norm_epsilon", float32(1e-5)),
		gguftest.V("clip.vision.image_mean", gguftest.A([]float32{0.5, 0.5, 0.5})),
		gguftest.V("clip.vision.image_std", gguftest.A([]float32{0.5, 0.5, 0.5})),
	})
}

// registerVision registers the GGUF file with a projector as a vision model.
func registerVision(t *testing.T, o *harness.Ollama, name, file string) {
	t.Helper()
	err := modelfile.Register(timeout(t), o.Client, name, &modelfile.Modelfile{
		From: []string{file, projector(t, t.TempDir())}, Template: modelfile.DefaultTemplate,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// Requests with and without an image. An image changes the answers, but not all of them, because the projector's
// weights are random.
func images(t *testing.T, o *harness.Ollama) (answers []string) {
	differ := false
	for _, text := range prompts(t, 3) {
		var seen []string
		for _, pictures := range [][]api.ImageData{nil, {picture(t, color.RGBA{R: 255, A: 255})},
			{picture(t, color.RGBA{B: 255, A: 255})}} {
			a := generate(t, o, "seeing", text, 32, func(r *api.GenerateRequest) {
				r.Raw, r.Images = false, pictures // Ollama puts images where its template has the prompt
			})
			if a.EvalCount == 0 {
				t.Errorf("%d images: nothing was written", len(pictures))
			}
			seen = append(seen, a.Response)
		}
		differ = differ || seen[0] != seen[1] || seen[1] != seen[2]
		answers = append(answers, seen...)
	}
	if !differ {
		t.Errorf("with two images and without one: %q", answers)
	}
	return answers
}

// picture returns an image of one colour.
func picture(t *testing.T, c color.RGBA) api.ImageData {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 28, 28))
	for x := range 28 {
		for y := range 28 {
			m.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
