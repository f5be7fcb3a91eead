package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/synthetic"
)

// synthetic measures one synthetic model after the other. At most one file exists at a time.
func (r *runner) synthetic(ctx context.Context) error {
	models, err := r.Options.synthetic()
	if err != nil {
		return err
	}
	dir, err := atomicfile.NewFolder("bench")
	if err != nil {
		return hint.Wrap(err, "point FH_OLLAMA_CACHE at a folder that can be written")
	}
	defer dir.Remove()
	path := filepath.Join(dir.Path, "model.gguf")
	for _, m := range models {
		if err := r.write(ctx, m, path); err != nil {
			return err
		}
		if err := r.measure(ctx, []string{path}, Model{Name: m.String(), Synthetic: true}); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// write writes a synthetic model and syncs it, so that no write-back disturbs the measurement.
func (r *runner) write(ctx context.Context, m synthetic.Model, path string) error {
	r.progress.Start("writing " + m.String())
	plan, err := m.File()
	if err != nil {
		return err
	}
	parent := filepath.Dir(filepath.Dir(path))
	if free, ok := atomicfile.Free(parent); ok && free < plan.Size {
		return explain(fmt.Errorf("%s has %d MiB free, %s needs %d MiB", parent, free>>20, m, plan.Size>>20+1), true)
	}
	file, err := os.Create(path)
	if err != nil {
		return hint.Wrap(err, "point FH_OLLAMA_CACHE at a folder that can be written")
	}
	err = plan.Write(file, func(done int64) error {
		r.progress.Set(float64(done)/float64(plan.Size), "")
		return ctx.Err()
	})
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return explain(fmt.Errorf("%s: %w", parent, err), atomicfile.Full(err))
	}
	r.progress.Done(fmt.Sprintf("wrote %s, %.1f GB of random weights", m, float64(plan.Size)/1e9))
	return nil
}

// explain adds a hint if the disk is full.
func explain(err error, full bool) error {
	if full {
		return hint.Wrap(err, "free some space, point FH_OLLAMA_CACHE at another disk, or take a smaller --shape or --type")
	}
	return err
}
