package gguf

import "fmt"

// foreignType is the error of a tensor type that Ollama's llama.cpp does not know. Such a file is not damaged.
type foreignType TensorType

// maxForeign is the largest number that forks use. A larger one means damage.
const maxForeign = 511

// Error implements error.
func (t foreignType) Error() string {
	return fmt.Sprintf("has type %d, which Ollama's llama.cpp does not know", uint32(t))
}
