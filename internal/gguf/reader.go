package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Limits on what the reader keeps of a file. Real files stay far below.
const (
	maxKeys     = 1 << 16
	maxTensors  = 1 << 20
	maxName     = 65535   // bytes of a key or a tensor's name
	maxMetadata = 1 << 30 // bytes of header, keys, values and tensor descriptions
)

var errTruncated = errors.New("the file ends too early")

// reader walks through the metadata. After the first error every read returns zero.
type reader struct {
	buf  *bufio.Reader
	pos  int64
	size int64 // of the file
	err  error
}

func newReader(r io.ReaderAt, size int64) *reader {
	return &reader{buf: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16), size: size}
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// need reports whether n more bytes can be read. n may be hostile.
func (r *reader) need(n uint64) bool {
	switch {
	case r.err != nil:
	case n > uint64(r.size-r.pos):
		r.err = errTruncated
	case uint64(r.pos)+n > maxMetadata:
		r.fail("the metadata is larger than %d MiB", maxMetadata>>20)
	}
	return r.err == nil
}

// bytes reads n bytes. The caller limits n.
func (r *reader) bytes(n uint64) []byte {
	if !r.need(n) {
		return nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r.buf, b); err != nil {
		r.err = err
		return nil
	}
	r.pos += int64(n)
	return b
}

func (r *reader) skip(n uint64) {
	if !r.need(n) {
		return
	}
	if _, err := r.buf.Discard(int(n)); err != nil {
		r.err = err
		return
	}
	r.pos += int64(n)
}

func (r *reader) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count reads the number of items that follow. Each has at least minBytes, and at most limit are allowed.
func (r *reader) count(what string, minBytes, limit int64) int64 {
	n := r.u64()
	switch {
	case r.err != nil:
	case n > uint64((r.size-r.pos)/minBytes):
		r.fail("it claims %d %s, more than fit into the rest of the file", n, what)
	case n > uint64(limit):
		r.fail("it has %d %s, at most %d are allowed", n, what, limit)
	}
	if r.err != nil {
		return 0
	}
	return int64(n)
}

// name reads a key or a tensor's name.
func (r *reader) name(what string) string {
	n := r.u64()
	if r.err == nil && n > maxName {
		r.fail("a %s of %d bytes is longer than %d", what, n, maxName)
	}
	return string(r.bytes(n))
}

// keyValue reads one entry and leaves its value in the file.
func (r *reader) keyValue() KeyValue {
	kv := KeyValue{Key: r.name("key"), Count: 1}
	kv.start = r.pos
	if r.err == nil && kv.Key == "" {
		r.fail("a key is empty")
	}
	kv.Type = ValueType(r.u32())
	switch kv.Type {
	case String:
		n := r.u64()
		kv.value = r.pos
		r.skip(n)
	case Array:
		r.array(&kv)
	default:
		size := kv.Type.size()
		if size == 0 {
			r.fail("key %q has the unknown %v", kv.Key, kv.Type)
		}
		kv.value = r.pos
		copy(kv.scalar[:], r.bytes(uint64(size)))
	}
	kv.end = r.pos
	if r.err != nil && kv.Key != "" {
		r.err = fmt.Errorf("in key %q: %w", kv.Key, r.err)
	}
	return kv
}

func (r *reader) array(kv *KeyValue) {
	kv.Elem = ValueType(r.u32())
	switch {
	case r.err != nil:
	case kv.Elem == String:
		kv.Count = r.count("strings", 8, maxMetadata)
		kv.value = r.pos
		for range kv.Count {
			r.skip(r.u64())
			if r.err != nil {
				return
			}
		}
	case kv.Elem == Array:
		r.fail("it is an array of arrays, which is not supported")
	case kv.Elem.size() == 0:
		r.fail("its elements have the unknown %v", kv.Elem)
	default:
		kv.Count = r.count("elements", kv.Elem.size(), maxMetadata)
		kv.value = r.pos
		r.skip(uint64(kv.Count * kv.Elem.size()))
	}
}

// tensor reads one tensor's description.
func (r *reader) tensor() Tensor {
	t := Tensor{Name: r.name("tensor name")}
	dims := r.u32()
	if r.err == nil && dims > 4 {
		r.fail("tensor %q has %d dimensions, more than 4", t.Name, dims)
		return t
	}
	for range dims {
		n := r.u64()
		if n > 1<<62 {
			r.fail("tensor %q has a dimension of %d", t.Name, n)
		}
		t.Shape = append(t.Shape, int64(n))
	}
	t.Type = TensorType(r.u32())
	offset := r.u64()
	if r.err != nil {
		return t
	}
	if offset > uint64(r.size) {
		r.fail("the data of tensor %q begins after the end of the file", t.Name)
		return t
	}
	t.Offset = int64(offset)
	var err error
	if t.Bytes, err = tensorBytes(t.Type, t.Shape); err != nil {
		r.fail("tensor %q %w", t.Name, err)
	}
	return t
}
