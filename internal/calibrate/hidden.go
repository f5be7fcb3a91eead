package calibrate

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// Options say which model reads which text.
type Options struct {
	Model   string // path of a GGUF file
	Text    Text
	Width   int    // D, the numbers that the head takes
	Context uint64 // the model's, in tokens; 0 if not known
	Threads int
}

// States are hidden states in a temporary file.
type States struct {
	Path  string // little-endian float32 [Count][D]
	Fit   int    // the first so many are to fit to, the others are held out
	Count int

	dir atomicfile.Folder
}

// Close removes the file.
func (s *States) Close() error { return s.dir.Remove() }

// Collect runs the dense model in programs' llama-server. The caller closes the result. Errors carry a way out.
func Collect(ctx context.Context, programs llama.Programs, o Options, p *progress.Progress) (*States, error) {
	dir, err := atomicfile.NewFolder("hidden")
	if err != nil {
		return nil, hint.Wrap(err, "point FH_OLLAMA_CACHE at a folder that can be written")
	}
	s := &States{Path: filepath.Join(dir.Path, "states"), dir: dir}
	if err := s.collect(ctx, programs, o, p); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *States) collect(ctx context.Context, programs llama.Programs, o Options, p *progress.Progress) error {
	l := newLayout(o.Context)
	need := int64(mostPositions) * 4 * int64(o.Width)
	if free, ok := atomicfile.Free(s.dir.Path); ok && free < need {
		return hint.New(fmt.Sprintf("%s has %d MiB free, the hidden states need %d MiB", filepath.Dir(s.dir.Path), free>>20,
			need>>20+1), elsewhere)
	}
	p.Start("loading the model")
	server, err := programs.Start(ctx, llama.ServerOptions{
		Model: o.Model, Context: l.size, Threads: o.Threads, Settings: []string{"FLASHHEAD_ENABLED=0"},
		Args: llama.HiddenArgs(l.size),
	})
	if err != nil {
		return err
	}
	defer server.Stop()
	alone, special, err := server.Text(ctx, o.Text.Data)
	if err != nil {
		return err
	}
	fit, heldOut, err := l.chunks(prefix(alone, special), alone)
	if err != nil {
		return err
	}
	s.Fit, s.Count = len(fit)*l.kept(), (len(fit)+len(heldOut))*l.kept()

	p.Start("reading the text")
	file, err := os.OpenFile(s.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return explain(err)
	}
	defer file.Close()
	out := bufio.NewWriterSize(file, 1<<20)
	all := append(fit, heldOut...)
	for i, chunk := range all {
		p.Set(float64(i)/float64(len(all)), fmt.Sprintf("%d of %d chunks", i, len(all)))
		err := server.Hidden(ctx, chunk, o.Width, func(position int, state []float32) error {
			if position < l.skip {
				return nil
			}
			return write(out, state)
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return explain(err)
		}
	}
	if err := errors.Join(out.Flush(), file.Close()); err != nil {
		return explain(err)
	}
	p.Done(fmt.Sprintf("read %s: hidden states at %d positions", o.Text.Name, s.Count))
	return nil
}

func write(out *bufio.Writer, state []float32) error {
	for _, x := range state {
		if _, err := out.Write(binary.LittleEndian.AppendUint32(out.AvailableBuffer(), math.Float32bits(x))); err != nil {
			return err
		}
	}
	return nil
}

const elsewhere = "free some space, or point FH_OLLAMA_CACHE at another disk"

// explain names the way out of a full disk.
func explain(err error) error {
	if atomicfile.Full(err) {
		return hint.Wrap(err, elsewhere)
	}
	return err
}
