package synthetic

import "github.com/fh-ollama/fh-ollama/internal/gguf"

// Small returns an unconverted model of 3 MB that tries a runtime's kernels. Each layer has a type of its own, and all
// sizes suit every instruction set; AMX needs 32 rows.
func Small() Model {
	types := []gguf.TensorType{q4_0, q5_0, q8_0, q4_K, q6_K, f16, bf16}
	return Model{
		Shape: Shape{"small", "llama", 256, len(types), 512, 4, 2, 64, 4096, true},
		Type:  Type{Name: "mixed", head: q6_K, layers: types},
	}
}
