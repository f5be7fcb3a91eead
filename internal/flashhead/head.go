package flashhead

import (
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Head is a model's output head: the matrix W [V rows, D columns] of logits = W·h.
type Head struct {
	Tensor gguf.Tensor
	Tied   bool // the token embedding serves as head
	Bias   bool // the model adds output.bias to the logits; FlashHead then needs codes
}

// Vocab returns V, the number of rows. It may be larger than the token list: vocabularies are padded.
func (h Head) Vocab() int64 { return h.Tensor.Rows() }

// Clusters returns K = ceil(V/m) for clusters of m = size tokens.
func (h Head) Clusters(size int) uint32 { return uint32((h.Vocab() + int64(size) - 1) / int64(size)) }

// Width returns D, the length of a row.
func (h Head) Width() int64 { return h.Tensor.Columns() }

// biasName is llama.cpp's name of a head's bias.
const biasName = "output.bias"

// encoders are llama.cpp's architectures whose output is hidden states, not logits.
var encoders = []string{
	"bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "eurobert",
	"gemma-embedding", "llama-embed", "t5encoder", "wavtokenizer-dec", "clip",
}

// borrowers are llama.cpp's architectures of draft models that may come without a head and use their target's.
var borrowers = []string{"eagle3", "dflash"}

func borrowed(arch string) error {
	return hint.New(fmt.Sprintf("no output head: this %s draft model uses that of its target", arch),
		"convert the target instead; FLASHHEAD_SCOPE=draft then speeds up the draft alone")
}

// atRunTime returns the embedding as the runtime has it. Ollama's llama.cpp truncates a gemma3n's to the rows of the
// per-layer embeddings: in the file from Ollama's library, rows of images and sounds follow those of text.
// ggmlhead/model/flash-head-vocab.h does the same for the native programs.
func atRunTime(f *gguf.File, arch string, embedding gguf.Tensor) gguf.Tensor {
	byLayer, ok := f.Tensor("per_layer_token_embd.weight")
	if arch != "gemma3n" || !ok || len(embedding.Shape) != 2 || byLayer.Rows() < 1 || byLayer.Rows() >= embedding.Rows() {
		return embedding
	}
	embedding.Bytes = embedding.Bytes / embedding.Rows() * byLayer.Rows()
	embedding.Shape = []int64{embedding.Columns(), byLayer.Rows()}
	return embedding
}

// unbiased are llama.cpp's architectures that load a bias of the head and do not add it.
var unbiased = []string{"dream", "qwen2vl"}

// Obstacle returns why the runtime keeps the head of f dense whatever its keys, or nil.
// ggmlhead/model/flash-head-map.cpp says the same (flash_head_file_obstacle, flash_head_bias_obstacle).
func Obstacle(f *gguf.File, head Head) error {
	arch, _ := f.Str("general.architecture")
	bias, ok := f.Tensor(biasName)
	if ok && slices.Contains(unbiased, arch) {
		return hint.New(fmt.Sprintf("FlashHead cannot speed up this %s model: its output head has a bias, which llama.cpp "+
			"does not add", arch),
			"run it as it is; docs/architectures.md lists the models that FlashHead speeds up")
	}
	if ok && (bias.Type.String() != "f32" || !slices.Equal(bias.Shape, []int64{head.Vocab()})) {
		return hint.New(fmt.Sprintf("FlashHead cannot speed up this %s model: its output.bias, %v of shape %v, is not one "+
			"f32 number for each token", arch, bias.Type, bias.Shape),
			"convert the original weights to GGUF again, with llama.cpp's convert_hf_to_gguf.py")
	}
	if arch == "bitnet" {
		return hint.New("FlashHead cannot speed up a bitnet model: it has no output head, it multiplies with its token "+
			"embedding itself",
			"run it as it is; docs/architectures.md lists the models that FlashHead speeds up")
	}
	return nil
}

// numbers are ggml's types that cannot be weights of a product.
var numbers = []string{"i8", "i16", "i32", "i64", "f64"}

// FindHead finds the output head of a model. The error says why there is none that FlashHead can use.
func FindHead(f *gguf.File) (Head, error) {
	if n, _ := f.Uint("split.count"); n > 1 {
		return Head{}, hint.New(fmt.Sprintf("the file is one of %d parts of a split model", n),
			"join them first: llama-gguf-split --merge FIRST-PART.gguf WHOLE.gguf")
	}
	arch, _ := f.Str("general.architecture")
	pooling, _ := f.Uint(arch + ".pooling_type")
	_, dense := f.Tensor("dense.0.weight") // Ollama's embeddinggemma calls itself a gemma3
	if pooling != 0 || slices.Contains(encoders, arch) || arch == "gemma3" && dense {
		return Head{}, hint.New(fmt.Sprintf("no output head: %q is not a text generation model", arch),
			"FlashHead speeds up the choice of the next token; give a model that generates text")
	}
	head, ok := f.Tensor("output.weight")
	tied := !ok
	if tied && arch == "eagle3" { // its embedding is no head
		return Head{}, borrowed(arch)
	}
	if tied {
		head, ok = f.Tensor("token_embd.weight")
		head = atRunTime(f, arch, head)
	}
	if !ok && slices.Contains(borrowers, arch) {
		return Head{}, borrowed(arch)
	}
	if !ok {
		return Head{}, hint.New("no output head: neither output.weight nor token_embd.weight is in the file",
			"give the file of a whole language model, not an adapter or a projector")
	}
	if len(head.Shape) != 2 || head.Rows() < 1 || head.Columns() < 1 || head.Rows() > 1<<31-1 {
		return Head{}, hint.New(fmt.Sprintf("%s has shape %v instead of rows and columns", head.Name, head.Shape),
			"get the file again, no runtime could use this one")
	}
	if slices.Contains(numbers, head.Type.String()) {
		return Head{}, hint.New(fmt.Sprintf("%s has type %v, which weights cannot have", head.Name, head.Type),
			"get the file again, no runtime could use this one")
	}
	_, bias := f.Tensor(biasName)
	return Head{Tensor: head, Tied: tied, Bias: bias}, nil
}
