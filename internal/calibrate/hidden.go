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
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// Options name the model and the text.
type Options struct {
	Model   string // path of a GGUF file
	Text    Text
	Width   int // D, the head's columns
	Threads int
}

// States are hidden states in a temporary file: those for the fit, kind by kind, then the held-out ones.
type States struct {
	Path    string  // little-endian float32 [Count][D]
	Fit     []int64 // rows of each kind for the fit
	HeldOut []Place // of the held-out rows, which follow
	Count   int

	dir atomicfile.Folder
}

// Close removes the file.
func (s *States) Close() error { return s.dir.Remove() }

// Collect runs the dense model in the llama-server of programs. The caller closes the result. Errors carry a hint.
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
	p.Start("loading the model")
	m := &model{programs: programs, o: o}
	defer m.stop()
	if err := m.start(ctx, o.Model, wholeBatch, nil); err != nil {
		return err
	}
	chunks, err := plan(ctx, m.server, o.Text)
	if err != nil {
		return err
	}
	for i, c := range chunks {
		s.count(c, i)
	}
	need := int64(s.Count) * 4 * int64(o.Width)
	if free, ok := atomicfile.Free(s.dir.Path); ok && free < need {
		return hint.New(fmt.Sprintf("%s has %d MiB free, the hidden states need %d MiB", filepath.Dir(s.dir.Path), free>>20,
			need>>20+1), elsewhere)
	}
	if err := m.shorten(ctx, s.dir.Path, chunks); err != nil {
		return err
	}

	p.Start("reading the text")
	file, err := os.OpenFile(s.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return explain(err)
	}
	defer file.Close()
	out := bufio.NewWriterSize(file, 1<<20)
	err = m.readAll(ctx, chunks, func(i int, state []float32) error {
		c := chunks[i]
		p.Set(float64(i)/float64(len(chunks)), fmt.Sprintf("%s, %d of %d chunks", c.kind, i, len(chunks)))
		return write(out, state[c.skip*o.Width:])
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return explain(err)
	}
	if err := errors.Join(out.Flush(), file.Close()); err != nil {
		return explain(err)
	}
	p.Done(fmt.Sprintf("read %s: hidden states at %d positions", o.Text.Name, s.Count))
	return nil
}

// chunk is a stretch of tokens that the model reads with an empty context.
type chunk struct {
	kind    string
	tokens  []int
	skip    int  // positions to drop at the start
	heldOut bool // else for the fit
	first   bool // of the chunks for the fit that share the weight of one kind
}

// plan cuts all kinds of text into chunks, those for the fit before the held-out ones. It leaves out built-in kinds
// that have too few tokens with this tokenizer.
func plan(ctx context.Context, server *llama.Server, text Text) ([]chunk, error) {
	var all, held []chunk
	var short error
	start, err := server.Prefix(ctx)
	if err != nil {
		return nil, err
	}
	skip := max(skipTokens, len(start))
	for _, kind := range text.Kinds {
		alone, err := server.PlainTokens(ctx, kind.Data)
		if err != nil {
			return nil, err
		}
		fit, heldOut, err := cut(start, alone, kind.chunks)
		if err != nil {
			if short = err; kind.must {
				return nil, fmt.Errorf("%s: %w", kind.Name, err)
			}
			continue
		}
		for i, tokens := range fit {
			all = append(all, chunk{kind.Name, tokens, skip, false, i == 0 || kind.must})
		}
		for _, tokens := range heldOut {
			held = append(held, chunk{kind.Name, tokens, skip, true, false})
		}
	}
	if len(all) == 0 {
		return nil, hint.Wrap(fmt.Errorf("the built-in text does not suit this model: %w", short),
			"convert with --no-calibrate")
	}
	return append(all, held...), nil
}

// count adds the rows of a chunk.
func (s *States) count(c chunk, number int) {
	n := len(c.tokens) - c.skip
	s.Count += n
	switch {
	case c.heldOut:
		s.HeldOut = append(s.HeldOut, slices.Repeat([]Place{{c.kind, number}}, n)...)
	case c.first:
		s.Fit = append(s.Fit, int64(n))
	default:
		s.Fit[len(s.Fit)-1] += int64(n)
	}
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

// explain adds a hint if the disk is full.
func explain(err error) error {
	if atomicfile.Full(err) {
		return hint.Wrap(err, elsewhere)
	}
	return err
}
