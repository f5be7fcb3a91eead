package calibrate

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"sync"

	"github.com/fh-ollama/fh-ollama/internal/llama"
)

// Chunks per batch. Large batches are faster, but need memory for the logits of every position; a short vocabulary
// needs little.
const (
	wholeBatch = 4
	shortBatch = 12
)

// model is a model that runs in a llama-server.
type model struct {
	programs llama.Programs
	o        Options

	server *llama.Server // nil if none runs
	batch  int           // chunks per request
	rows   map[int]int   // each token's row in a short vocabulary; nil for the model's own
}

// start runs the model at path with the vocabulary of rows.
func (m *model) start(ctx context.Context, path string, batch int, rows map[int]int) (err error) {
	m.batch, m.rows = batch, rows
	m.server, err = m.programs.Start(ctx, llama.ServerOptions{
		Model: path, Threads: m.o.Threads, Settings: []string{"FLASHHEAD_ENABLED=0"},
	}.ForHidden(batch, fitTokens))
	return err
}

func (m *model) stop() {
	if m.server != nil {
		m.server.Stop()
		m.server = nil
	}
}

// read returns the hidden states of chunks, Width numbers for each token. There may be up to batch of them.
func (m *model) read(ctx context.Context, chunks []chunk) ([][]float32, error) {
	tokens := make([][]int, len(chunks))
	for i, c := range chunks {
		tokens[i] = c.tokens
		if m.rows != nil {
			tokens[i] = make([]int, len(c.tokens))
			for j, token := range c.tokens {
				tokens[i][j] = m.rows[token]
			}
		}
	}
	return m.server.Hidden(ctx, tokens, m.o.Width)
}

// readAll reads chunks and calls each with the states of every chunk, in order. It decodes an answer while the server
// computes the next one.
func (m *model) readAll(ctx context.Context, chunks []chunk, each func(i int, state []float32) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait() // the caller stops the server
	defer cancel()
	type answer struct {
		states [][]float32
		err    error
	}
	ask := func(chunks []chunk) chan answer {
		result := make(chan answer, 1)
		asking.Go(func() {
			states, err := m.read(ctx, chunks)
			result <- answer{states, err}
		})
		return result
	}
	batches := slices.Collect(slices.Chunk(chunks, m.batch))
	next := ask(batches[0])
	for i := range batches {
		current := next
		if i+1 < len(batches) {
			next = ask(batches[i+1])
		}
		got := <-current
		if got.err != nil {
			return got.err
		}
		for j, state := range got.states {
			if err := each(i*m.batch+j, state); err != nil {
				return err
			}
		}
	}
	return nil
}

// shorten switches to a copy of the model, in dir, that has only the tokens of chunks, if that saves much time. It
// first compares the states of one chunk, because the runtime may not support such a copy of every model.
func (m *model) shorten(ctx context.Context, dir string, chunks []chunk) error {
	path := filepath.Join(dir, "short.gguf")
	rows, err := writeShort(ctx, path, m.o.Model, chunks)
	if err != nil || rows == nil {
		return err
	}
	want, err := m.read(ctx, chunks[:1])
	if err != nil {
		return err
	}
	m.stop()
	if err = m.start(ctx, path, shortBatch, rows); err == nil {
		got, err := m.read(ctx, chunks[:1])
		if err == nil && alike(got[0], want[0]) {
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	m.stop()
	return m.start(ctx, m.o.Model, wholeBatch, nil)
}

// alike reports whether states are equal up to rounding.
func alike(a, b []float32) bool {
	difference, sum := 0.0, 0.0
	for i := range a {
		difference += math.Pow(float64(a[i]-b[i]), 2)
		sum += math.Pow(float64(b[i]), 2)
	}
	return difference <= 1e-4*sum
}
