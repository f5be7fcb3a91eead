// Package vllmtest writes the files that package vllm reads, for tests.
package vllmtest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/vllm/safetensors"
)

// Tensor is a tensor of a file. Data is a slice of numbers, written little-endian.
type Tensor struct {
	Name  string
	DType safetensors.DType
	Shape []int64
	Data  any
}

// Safetensors returns the bytes of a file with these tensors.
func Safetensors(tensors ...Tensor) ([]byte, error) {
	var header, data []byte
	for i, t := range tensors {
		begin := len(data)
		var err error
		if data, err = binary.Append(data, binary.LittleEndian, t.Data); err != nil {
			return nil, err
		}
		name, _ := json.Marshal(t.Name)
		shape, _ := json.Marshal(t.Shape)
		header = fmt.Appendf(header, `%c%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, "{,"[min(i, 1)], name, t.DType,
			shape, begin, len(data))
	}
	header = append(header, '}')
	header = append(header, bytes.Repeat([]byte{' '}, (8-len(header)%8)%8)...)
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), append(header, data...)...), nil
}
