package synthetic

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

var (
	f32  = tensorType("f32")
	f16  = tensorType("f16")
	bf16 = tensorType("bf16")
	q4_0 = tensorType("q4_0")
	q5_0 = tensorType("q5_0")
	q8_0 = tensorType("q8_0")
	q4_K = tensorType("q4_K")
	q6_K = tensorType("q6_K")
)

func tensorType(name string) gguf.TensorType {
	t, ok := gguf.ParseTensorType(name)
	if !ok {
		panic("ggml has no type " + name)
	}
	return t
}

// Type is a quantization of a whole model, with llama-quantize's name.
type Type struct {
	Name   string
	matrix gguf.TensorType
	head   gguf.TensorType   // also of the token embedding
	better gguf.TensorType   // of attn_v and ffn_down in every other layer
	layers []gguf.TensorType // if set, the type of each layer's matrices
}

// inLayer returns the type of a layer's matrices and the type of its attn_v and ffn_down.
func (t Type) inLayer(layer int) (plain, better gguf.TensorType) {
	switch {
	case t.layers != nil:
		return t.layers[layer], t.layers[layer]
	case layer%2 == 1:
		return t.matrix, t.better
	}
	return t.matrix, t.matrix
}

var types = []Type{
	{"q4_0", q4_0, q6_K, q4_0, nil},
	{"q4_k_m", q4_K, q6_K, q6_K, nil},
	{"q8_0", q8_0, q8_0, q8_0, nil},
	{"f16", f16, f16, f16, nil},
	{"bf16", bf16, bf16, bf16, nil},
}

// Types returns the types called names, or all from small to large for "all". Errors carry a hint.
func Types(names []string) ([]Type, error) {
	return choose("type", names, types, func(t Type) string { return t.Name })
}

// Small returns an unconverted model of 3 MB that tries a runtime's kernels. Each layer has a type of its own, and all
// sizes suit every instruction set; AMX needs 32 rows.
func Small() Model {
	types := []gguf.TensorType{q4_0, q5_0, q8_0, q4_K, q6_K, f16, bf16}
	return Model{
		Shape: Shape{"small", "llama", 256, len(types), 512, 4, 2, 64, 4096, true},
		Type:  Type{Name: "mixed", head: q6_K, layers: types},
	}
}

// fitting returns t, or the type that llama-quantize falls back to if columns is not a multiple of t's block.
func fitting(t gguf.TensorType, columns int64) gguf.TensorType {
	switch {
	case columns%t.Block() == 0:
		return t
	case t == q4_K:
		return q5_0
	}
	return q8_0
}

// tileRows is the number of different rows in a matrix, which repeats them.
const tileRows = 256

// writeRandom writes a random matrix that depends on the tensor's name and type only. report gets the bytes written.
func writeRandom(w io.Writer, t gguf.Tensor, report func(done int64) error) error {
	tile := tile(t)
	for done := int64(0); done < t.Bytes; {
		if err := report(done); err != nil {
			return err
		}
		n, err := w.Write(tile[:min(int64(len(tile)), t.Bytes-done)])
		if err != nil {
			return err
		}
		done += int64(n)
	}
	return nil
}

// tile returns tileRows random rows, whose values are as small as those of a trained model.
func tile(t gguf.Tensor) []byte {
	source := rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, t.Name, t.Type)))
	bytes := make([]byte, tileRows*t.Type.RowBytes(t.Columns()))
	if t.Type == f16 || t.Type == bf16 {
		random := rand.New(source)
		for i := 0; i < len(bytes); i += 2 {
			x := 0.02 * random.NormFloat64()
			bits := half(x)
			if t.Type == bf16 {
				bits = uint16(math.Float32bits(float32(x)) >> 16)
			}
			binary.LittleEndian.PutUint16(bytes[i:], bits)
		}
		return bytes
	}
	source.Read(bytes)
	block := t.Type.RowBytes(t.Type.Block())
	for i := int64(0); i < int64(len(bytes)); i += block {
		scale(t.Type, bytes[i:i+block])
	}
	return bytes
}

// scale sets the scales in a random block to give it values as small as a trained model's. Source: the block structs in
// ggml-common.h.
func scale(t gguf.TensorType, block []byte) {
	set := func(at int, x float64) { binary.LittleEndian.PutUint16(block[at:], half(x)) }
	switch t {
	case q4_0, q5_0:
		set(0, 0.002)
	case q8_0:
		set(0, 0.0002)
	case q4_K:
		set(0, 1e-4)
		set(2, 8e-4)
	case q6_K:
		set(208, 1e-5)
	}
}

// half rounds a number of less than 65504 to IEEE 754's binary16.
func half(x float64) uint16 {
	sign := uint16(0)
	if math.Signbit(x) {
		sign, x = 1<<15, -x
	}
	if x < 1.0/(1<<14) { // subnormal, in steps of 2^-24
		return sign | uint16(math.RoundToEven(x*(1<<24)))
	}
	m, e := math.Frexp(x) // x = 2m · 2^(e-1), 1 <= 2m < 2
	// rounding up may carry into the exponent, rightly
	return sign | uint16((e-1+15)<<10+int(math.RoundToEven((2*m-1)*(1<<10))))
}
