package create

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// keep begins the Modelfile beside a kept file, which registers it with `ollama create`: what is in its way shows
// before anything is done. It returns the text for it, too.
func keep(o Options, m *modelfile.Modelfile) (file *atomicfile.File, text []byte, err error) {
	path := o.Keep + ".Modelfile"
	registered, _ := m.WithWeights(relative(filepath.Base(o.Keep))).Registered()
	text = []byte(registered.String())
	there, err := os.ReadFile(path)
	again := err == nil && bytes.Equal(there, text) // of a run that went no further
	if _, err := os.Lstat(path); err == nil && !o.Force && !again {
		return nil, nil, hint.New(path+" exists already", "choose another file with --keep, or give --force to replace it")
	}
	file, err = atomicfile.Create(path, "--keep", int64(len(text)), o.Force || again)
	return file, text, err
}

// copyTo makes o.Keep a copy of a file that has FlashHead already, unless it is that file, or a copy.
func copyTo(ctx context.Context, o Options, from string, p *progress.Progress) error {
	defer p.Close()
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	p.Start("copying")
	there, err := os.Stat(o.Keep)
	if err == nil && (os.SameFile(info, there) || !o.Force && there.Size() == info.Size() && same(ctx, from, o.Keep)) {
		return ctx.Err()
	}
	if err == nil && !o.Force {
		return hint.New(o.Keep+" exists already", "choose another file with --keep, or give --force to replace it")
	}
	out, err := atomicfile.Create(o.Keep, "--keep", info.Size(), o.Force)
	if err != nil {
		return err
	}
	defer out.Discard()
	if _, err := io.Copy(out, interruptible{ctx, in}); err != nil {
		return out.Explain(err)
	}
	if err := out.Finish(); err != nil {
		return err
	}
	if err := out.Publish(); err != nil {
		return err
	}
	p.Done("copied to " + o.Keep)
	return nil
}

// same reports whether two files can be read and have the same content.
func same(ctx context.Context, a, b string) bool {
	var sums [2][sha256.Size]byte
	for i, path := range []string{a, b} {
		file, err := os.Open(path)
		if err != nil {
			return false
		}
		defer file.Close()
		hash := sha256.New()
		if _, err := io.Copy(hash, interruptible{ctx, file}); err != nil {
			return false
		}
		hash.Sum(sums[i][:0])
	}
	return sums[0] == sums[1]
}

// interruptible is a reader that fails when ctx ends.
type interruptible struct {
	ctx context.Context
	io.Reader
}

func (r interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
