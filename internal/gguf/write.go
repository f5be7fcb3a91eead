package gguf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// Content is a file to be written: version 3, with the default alignment.
type Content struct {
	Keys    []NewValue
	Tensors []Tensor // in the order of the file
}

// Copy returns an entry of f as it is, to be written to another file.
func (f *File) Copy(kv KeyValue) (NewValue, error) {
	data := make([]byte, kv.end-kv.start)
	_, err := f.source.ReadAt(data, kv.start)
	return NewValue{kv.Key, data}, err
}

// Place sets Bytes and Offset of the tensors and returns the bytes of their data, padding included. Its error names the
// tensor with an impossible shape.
func (c Content) Place() (int64, error) {
	offset := int64(0)
	for i := range c.Tensors {
		t := &c.Tensors[i]
		bytes, err := tensorBytes(t.Type, t.Shape)
		if err != nil {
			return 0, fmt.Errorf("tensor %q %w", t.Name, err)
		}
		t.Bytes, t.Offset = bytes, offset
		offset = align(offset+bytes, defaultAlignment)
	}
	return offset, nil
}

// Header returns the file up to the tensor data, padding included. Call Place first.
func (c Content) Header() []byte { return c.header(3, defaultAlignment) }

// header is Header for any version and alignment.
func (c Content) header(version uint32, alignment int64) []byte {
	head := binary.LittleEndian.AppendUint32([]byte(magic), version)
	head = binary.LittleEndian.AppendUint64(head, uint64(len(c.Tensors)))
	head = binary.LittleEndian.AppendUint64(head, uint64(len(c.Keys)))
	for _, v := range c.Keys {
		head = append(appendString(head, v.key), v.data...)
	}
	for _, t := range c.Tensors {
		head = appendString(head, t.Name)
		head = binary.LittleEndian.AppendUint32(head, uint32(len(t.Shape)))
		for _, n := range t.Shape {
			head = binary.LittleEndian.AppendUint64(head, uint64(n))
		}
		head = binary.LittleEndian.AppendUint32(head, uint32(t.Type))
		head = binary.LittleEndian.AppendUint64(head, uint64(t.Offset))
	}
	return append(head, make([]byte, align(int64(len(head)), alignment)-int64(len(head)))...)
}

// Write writes the file. data writes the t.Bytes bytes of a tensor. Call Place first.
func (c Content) Write(dst io.Writer, data func(w io.Writer, t Tensor) error) error {
	if _, err := dst.Write(c.Header()); err != nil {
		return err
	}
	out := bufio.NewWriterSize(dst, 1<<20)
	for _, t := range c.Tensors {
		if err := data(out, t); err != nil {
			return err
		}
		if _, err := out.Write(make([]byte, align(t.Bytes, defaultAlignment)-t.Bytes)); err != nil {
			return err
		}
	}
	return out.Flush()
}
