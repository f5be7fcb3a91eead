package convert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// MapOnly writes o.Output, the map file of o.Input: a new one as Map makes it, or the one that is in a converted file.
func MapOnly(ctx context.Context, o Options, p *progress.Progress) (Summary, error) {
	m, err := flashhead.Open(o.Input)
	if err != nil {
		return Summary{}, err
	}
	m.Close()
	if o.Output == "" {
		o.Output = DefaultMap(o.Input)
	}
	if err := o.checkOutput(); err != nil {
		return Summary{}, err
	}
	if m.Converted {
		return extract(ctx, o.Target, p)
	}
	made, err := Map(ctx, o, []string{o.Input}, p)
	if err != nil {
		return Summary{}, err
	}
	defer made.Discard()
	return made.Summary, made.Publish()
}

// extract writes the map in the converted file t.Input as a map file, for the original of that file. It is an error if
// the input without its keys is not that original, byte for byte.
func extract(ctx context.Context, t Target, p *progress.Progress) (Summary, error) {
	begun := time.Now()
	defer p.Close()
	src, err := flashhead.OpenConverted(t.Input)
	if err != nil {
		return Summary{}, err
	}
	defer src.Close()
	j := &job{Target: t, src: src, params: src.Parameters, progress: p}
	out, err := t.create(j.params.KeyBytes(src.Head))
	if err != nil {
		return Summary{}, err
	}
	defer out.Discard()
	p.Start("comparing with the original")
	size, err := j.original(ctx)
	if err != nil {
		return Summary{}, err
	}
	head, err := mapfile.Digest(src)
	if err != nil {
		return Summary{}, err
	}
	if err := j.writeMap(out, head, size); err != nil {
		return Summary{}, err
	}
	if err := out.Publish(); err != nil {
		return Summary{}, err
	}
	p.Done("took the map out of " + filepath.Base(t.Input))
	return j.summary(out, begun), nil
}

// DefaultMap returns the name of a file's map file, of the original's if the file has DefaultOutput's name: model.gguf
// and model-flashhead.gguf give model.flashhead.gguf.
func DefaultMap(input string) string {
	return strings.TrimSuffix(strings.TrimSuffix(input, filepath.Ext(input)), "-flashhead") + mapfile.Suffix
}

// original returns the bytes of the file that the source was converted from: the source without its keys.
func (j *job) original(ctx context.Context) (int64, error) {
	sum := sha256.New()
	size := &count{Writer: sum}
	err := j.src.Rewrite(size, flashhead.IsKey, nil, func(done, total int64) error {
		j.progress.Set(float64(done)/float64(max(total, 1)), "")
		return ctx.Err()
	})
	if err != nil {
		return 0, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != j.params.SourceSHA256 {
		return 0, hint.New(fmt.Sprintf("%s without its FlashHead keys is not the file that it was converted from", j.Input),
			"make the map from that file: fh-ollama on FILE")
	}
	return size.n, nil
}

// count counts the bytes written to a writer.
type count struct {
	io.Writer
	n int64
}

func (c *count) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	return n, err
}
