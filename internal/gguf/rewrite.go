package gguf

import "io"

// copyStep is the bytes copied between two reports.
const copyStep = 64 << 20

// Rewrite writes f to dst without the keys that drop selects and with add after the others. Everything else is copied
// byte for byte. report gets the bytes of tensor data copied and their total; its error ends the copy.
func (f *File) Rewrite(dst io.Writer, drop func(key string) bool, add []NewValue,
	report func(done, total int64) error) error {
	c := Content{Tensors: f.Tensors}
	for _, kv := range f.Keys {
		if !drop(kv.Key) {
			v, err := f.Copy(kv)
			if err != nil {
				return err
			}
			c.Keys = append(c.Keys, v)
		}
	}
	c.Keys = append(c.Keys, add...)
	alignment := f.Alignment
	if len(f.Tensors) == 0 {
		alignment = 1
	}
	if _, err := dst.Write(c.header(f.Version, alignment)); err != nil || len(f.Tensors) == 0 {
		return err
	}
	return f.copyData(dst, report)
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
