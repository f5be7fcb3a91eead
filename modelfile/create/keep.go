package create

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// kept is the Modelfile beside a kept file, which registers it with `ollama create`.
type kept struct {
	text string
	file *atomicfile.File // in the making; nil if the same is there already
}

// keep begins the Modelfile for o.Keep: what is in its way shows before anything is done.
func keep(o Options, m *modelfile.Modelfile) (*kept, error) {
	path := o.Keep + ".Modelfile"
	registered, _ := m.WithWeights(relative(filepath.Base(o.Keep))).Registered()
	k := &kept{text: registered.String()}
	if _, err := os.Lstat(path); err == nil && !o.Force {
		if text, err := os.ReadFile(path); err == nil && string(text) == k.text {
			return k, nil // of a run that went no further
		}
		return nil, hint.New(path+" exists already", "choose another file with --keep, or give --force to replace it")
	}
	var err error
	k.file, err = atomicfile.Create(path, "--keep", int64(len(k.text)), o.Force)
	return k, err
}

func (k *kept) publish() error {
	if k.file == nil {
		return nil
	}
	return k.file.Complete([]byte(k.text))
}

func (k *kept) discard() {
	if k.file != nil {
		k.file.Discard()
	}
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
	if there, err := os.Stat(o.Keep); err == nil && there.Mode().IsRegular() && !o.Force {
		if os.SameFile(info, there) {
			return nil
		}
		if there.Size() == info.Size() {
			before, err := sum(ctx, from, nil)
			if err != nil {
				return err
			}
			if after, err := sum(ctx, o.Keep, nil); err == nil && after == before {
				return nil
			}
		}
		return hint.New(o.Keep+" exists already", "choose another file with --keep, or give --force to replace it")
	} else if err == nil && os.SameFile(info, there) {
		return nil
	}
	out, err := atomicfile.Create(o.Keep, "--keep", info.Size(), o.Force)
	if err != nil {
		return err
	}
	defer out.Discard()
	before, err := sum(ctx, from, out)
	if err != nil {
		return out.Explain(err)
	}
	if err := out.Finish(); err != nil {
		return err
	}
	after, err := sum(ctx, out.Path(), nil)
	if err == nil && after != before {
		err = errors.New("the copy is not the same")
	}
	if err != nil {
		return hint.Wrap(err, "check the disk; if the source was being changed, try again")
	}
	if err := out.Publish(); err != nil {
		return err
	}
	p.Done("copied to " + o.Keep)
	return nil
}

// sum returns the SHA-256 of a file, and copies it to out if that is not nil.
func sum(ctx context.Context, path string, out io.Writer) (sum [sha256.Size]byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	hash := sha256.New()
	to := io.Writer(hash)
	if out != nil {
		to = io.MultiWriter(hash, out)
	}
	for err == nil && ctx.Err() == nil {
		_, err = io.CopyN(to, file, 1<<24)
	}
	if err == io.EOF {
		err = nil
	}
	hash.Sum(sum[:0])
	return sum, errors.Join(err, ctx.Err())
}
