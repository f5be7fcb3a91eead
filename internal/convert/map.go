package convert

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// MadeMap is a map file that is complete, but has no name yet.
type MadeMap struct {
	Summary
	file *atomicfile.File
}

// Publish gives the file its name.
func (m *MadeMap) Publish() error { return m.file.Publish() }

// Discard removes the file unless it was published.
func (m *MadeMap) Discard() { m.file.Discard() }

// Map makes the map file o.Output for the model in the files at paths, the first of them first: the clusters and codes
// that Convert would write into a copy of the model. The model is only read. An existing map is replaced, when the
// result is published. The caller discards the result. Errors carry a hint.
func Map(ctx context.Context, o Options, paths []string, p *progress.Progress) (*MadeMap, error) {
	defer p.Close()
	src, err := flashhead.Open(paths...)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if o.Input = src.HeadPath(); len(paths) > 1 {
		whole, err := llama.Gather(paths)
		if err != nil {
			return nil, err
		}
		defer whole.Remove()
		o.Loads = whole.Path
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	begun := time.Now()
	j := &job{Target: o.Target, source: o.source(), src: src, progress: p}
	if err := j.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", src.Path(), err)
	}
	out, err := o.create(j.params.KeyBytes(src.Head))
	if err != nil {
		return nil, err
	}
	if err := j.runMap(ctx, out); err != nil {
		out.Discard()
		return nil, stopped(ctx, err)
	}
	return &MadeMap{file: out, Summary: j.summary(out, begun)}, nil
}

// summary describes the map file out, begun at that time.
func (j *job) summary(out *atomicfile.File, begun time.Time) Summary {
	return Summary{
		Output: j.Output, Head: j.src.Head, Parameters: j.params, Grown: out.Size, Map: true,
		Cost: flashhead.NewCost(j.src.File, j.src.Head, j.params), Took: time.Since(begun),
	}
}

// runMap gets the map, writes the map file and verifies it.
func (j *job) runMap(ctx context.Context, out *atomicfile.File) error {
	var head uint64
	var whole string
	err := j.fill(ctx, func(ctx context.Context) (err error) {
		if head, err = mapfile.Digest(j.src); err == nil {
			whole, err = sourceDigest(ctx, j.src.Path())
		}
		return err
	})
	if err != nil {
		return err
	}
	j.params.SourceSHA256 = whole
	return j.writeMap(out, head, j.src.HeadFile().Size)
}

// writeMap writes a map file for a head with the digest in a file of size bytes, reads it again and compares.
func (j *job) writeMap(out *atomicfile.File, digest uint64, size int64) error {
	if _, err := out.Write(mapfile.Content(j.src, j.params, digest, size).Header()); err != nil {
		return out.Explain(err)
	}
	if err := out.Finish(); err != nil {
		return err
	}
	found, damage := mapfile.Parameters(out.Path(), j.src.Head)
	if damage == nil && !reflect.DeepEqual(found, j.params) {
		damage = &flashhead.DamageError{Problems: []string{"its keys are not those that were to be written"}}
	}
	if damage != nil {
		return hint.Wrap(fmt.Errorf("the written map is not right: %w", damage),
			"check the disk; if the model was being changed, try again")
	}
	return nil
}

// sourceDigest returns the SHA-256 of the file at path. A blob's is its name: Ollama checked it.
func sourceDigest(ctx context.Context, path string) (string, error) {
	if digest, ok := mapfile.Blob(path); ok {
		return digest, nil
	}
	sums, err := digest(ctx, path, 0)
	return sums.whole, err
}
