package gguf

import "fmt"

// foreignType is a type of a tensor that Ollama's llama.cpp does not know: the file is whole, but for another program.
type foreignType TensorType

// mostForeign is the largest number that forks use; above it a file is damaged.
const mostForeign = 511

// Error implements error.
func (t foreignType) Error() string {
	cause := fmt.Sprintf("has type %d, which Ollama's llama.cpp does not know", uint32(t))
	if t.ik() {
		cause += ": it is one of ik_llama.cpp's"
	}
	return cause
}

// ik reports whether ik_llama.cpp has the type: its own begin at 133, the last are those with rows repacked.
func (t foreignType) ik() bool { return t >= 133 && t <= 399 }

// removed reports whether llama.cpp has had the type. bitnet.cpp uses three of these numbers anew.
func (t foreignType) removed() bool {
	return t == 4 || t == 5 || t >= 31 && t <= 33 || t >= 36 && t <= 38
}

// wayOut says what to do with such a file.
func (t foreignType) wayOut() string {
	switch {
	case t.ik():
		return "get the model in a type of llama.cpp itself, such as Q4_K_M or IQ4_XS: Ollama cannot run this file"
	case t.removed():
		return "get the model in a newer file, such as Q4_K_M: this is an old one, or one for bitnet.cpp, and Ollama " +
			"cannot run it"
	}
	return "get the model in another type, such as Q4_K_M: this file is for a fork of llama.cpp or a newer one than " +
		"Ollama's"
}
