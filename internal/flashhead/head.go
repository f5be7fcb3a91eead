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
}

// Vocab returns V, the number of rows. It may be larger than the token list: vocabularies are padded.
func (h Head) Vocab() int64 { return h.Tensor.Rows() }

// Width returns D, the length of a row.
func (h Head) Width() int64 { return h.Tensor.Columns() }

// encoders are llama.cpp's architectures that end in hidden states, not in logits.
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

// numbers are ggml's types that no matrix product takes.
var numbers = []string{"i8", "i16", "i32", "i64", "f64"}

// FindHead finds the output head of a model, or says why there is none to work on.
func FindHead(f *gguf.File) (Head, error) {
	if n, _ := f.Uint("split.count"); n > 1 {
		return Head{}, hint.New(fmt.Sprintf("the file is one of %d parts of a split model", n),
			"join them first: llama-gguf-split --merge FIRST-PART.gguf WHOLE.gguf")
	}
	arch, _ := f.Str("general.architecture")
	pooling, _ := f.Uint(arch + ".pooling_type")
	if pooling != 0 || slices.Contains(encoders, arch) {
		return Head{}, hint.New(fmt.Sprintf("no output head: %q is no model that writes text", arch),
			"FlashHead speeds up the choice of the next token; give a model that generates text")
	}
	head, ok := f.Tensor("output.weight")
	tied := !ok
	if tied && arch == "eagle3" { // its embedding is never a head
		return Head{}, borrowed(arch)
	}
	if tied {
		head, ok = f.Tensor("token_embd.weight")
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
	return Head{Tensor: head, Tied: tied}, nil
}
