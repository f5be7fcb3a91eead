package gguf

import (
	"encoding/binary"
	"io"
)

// copyStep is the bytes copied between two reports.
const copyStep = 64 << 20

// Rewrite writes f to dst without the keys that drop selects and with add after the others. Everything else is copied
// byte for byte. report gets the bytes of tensor data copied and their total; its error ends the copy.
func (f *File) Rewrite(dst io.Writer, drop func(key string) bool, add []NewValue,
	report func(done, total int64) error) error {
	var kept []KeyValue
	for _, kv := range f.Keys {
		if !drop(kv.Key) {
			kept = append(kept, kv)
		}
	}
	head := []byte(magic)
	head = binary.LittleEndian.AppendUint32(head, f.Version)
	head = binary.LittleEndian.AppendUint64(head, uint64(len(f.Tensors)))
	head = binary.LittleEndian.AppendUint64(head, uint64(len(kept)+len(add)))
	if _, err := dst.Write(head); err != nil {
		return err
	}
	written := int64(len(head))
	for _, kv := range kept {
		if err := f.copyRange(dst, kv.start, kv.end); err != nil {
			return err
		}
		written += kv.Bytes()
	}
	for _, v := range add {
		entry := append(appendString(nil, v.key), v.data...)
		if _, err := dst.Write(entry); err != nil {
			return err
		}
		written += int64(len(entry))
	}
	if err := f.copyRange(dst, f.infos, f.infoEnd); err != nil {
		return err
	}
	written += f.infoEnd - f.infos
	if len(f.Tensors) == 0 {
		return nil
	}
	if _, err := dst.Write(make([]byte, align(written, f.Alignment)-written)); err != nil {
		return err
	}
	return f.copyData(dst, report)
}

func (f *File) copyRange(dst io.Writer, from, to int64) error {
	_, err := io.Copy(dst, io.NewSectionReader(f.source, from, to-from))
	return err
}

// copyData copies the tensor data. Between two *os.File, io.CopyN lets the system copy, or only share the blocks.
func (f *File) copyData(dst io.Writer, report func(done, total int64) error) error {
	total := f.Size - f.DataStart
	var src io.Reader = io.NewSectionReader(f.source, f.DataStart, total)
	if f.file != nil {
		if _, err := f.file.Seek(f.DataStart, io.SeekStart); err != nil {
			return err
		}
		src = f.file
	}
	for done := int64(0); done < total; {
		if err := report(done, total); err != nil {
			return err
		}
		n, err := io.CopyN(dst, src, min(copyStep, total-done))
		if err != nil {
			return err
		}
		done += n
	}
	return report(total, total)
}
