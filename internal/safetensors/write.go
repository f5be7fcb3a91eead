package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/fh-ollama/fh-ollama/internal/orderedjson"
)

// NewTensor is a tensor to write. Give those of the widest types first: then all data is aligned.
type NewTensor struct {
	Name  string
	DType DType
	Shape []int64
	Data  io.Reader // little endian
}

// entry is a tensor in the header.
type entry struct {
	DType   DType    `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// Write writes a file of tensors, and metadata in the order given if there is any. It reads each tensor's data once.
func Write(w io.Writer, metadata [][2]string, tensors []NewTensor) error {
	var header orderedjson.Object
	if len(metadata) > 0 {
		var texts orderedjson.Object
		for _, m := range metadata {
			texts = append(texts, orderedjson.Member{Name: m[0], Value: quote(m[1])})
		}
		text, err := texts.Text()
		if err != nil {
			return err
		}
		header = append(header, orderedjson.Member{Name: metadataName, Value: text})
	}
	sizes := make([]int64, len(tensors))
	at := int64(0)
	for i, t := range tensors {
		sizes[i] = Tensor{Shape: t.Shape}.Values() * int64(widths[t.DType]) / 8
		text, err := json.Marshal(entry{t.DType, t.Shape, [2]int64{at, at + sizes[i]}})
		if err != nil {
			return err
		}
		header = append(header, orderedjson.Member{Name: t.Name, Value: text})
		at += sizes[i]
	}
	text, err := header.Text()
	if err != nil {
		return err
	}
	out := bytes.NewBuffer(make([]byte, 8))
	if err := json.Compact(out, text); err != nil {
		return err
	}
	for out.Len()%8 != 0 {
		out.WriteByte(' ')
	}
	binary.LittleEndian.PutUint64(out.Bytes(), uint64(out.Len()-8))
	if _, err := out.WriteTo(w); err != nil {
		return err
	}
	for i, t := range tensors {
		if n, err := io.Copy(w, t.Data); err != nil {
			return err
		} else if n != sizes[i] {
			return fmt.Errorf("tensor %q has %d bytes of data instead of %d", t.Name, n, sizes[i])
		}
	}
	return nil
}

// quote returns a text as JSON, which every text has.
func quote(text string) json.RawMessage {
	out, _ := json.Marshal(text)
	return out
}
