package evaluation

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// stream is a file of 33-token chunks with random logits.
func stream(t *testing.T, chunks, vocab int, seed uint64) (header, []byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	var positions [][]float64
	for range 16 * chunks {
		positions = append(positions, random(r, vocab))
	}
	in := bytes.NewReader(file(33, vocab, chunks, positions))
	h, err := readHeader(in, 33, int64(vocab))
	if err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(in)
	return h, rest
}

// Every position is paired with its counterpart, for any number of workers.
func TestInStep(t *testing.T) {
	h, dense := stream(t, 5, 77, 1)
	_, flash := stream(t, 5, 77, 2)
	for _, workers := range []int{1, 2, 7} {
		seen := make([]atomic.Int32, h.positions())
		reported := 0
		err := inStep(h, bytes.NewReader(dense), bytes.NewReader(flash), workers, func() look {
			return func(i int, d, f *logits) {
				seen[i].Add(1)
				n := h.recordBytes()
				want := logits{values: make([]uint16, 77)}
				for _, c := range []struct {
					got  *logits
					data []byte
				}{{d, dense}, {f, flash}} {
					want.decode(c.data[i*n : (i+1)*n])
					if c.got.scale != want.scale || c.got.values[5] != want.values[5] || c.got.values[76] != want.values[76] {
						t.Errorf("position %d is another", i)
					}
				}
			}
		}, func(int) { reported++ })
		if err != nil {
			t.Fatal(err)
		}
		for i := range seen {
			if n := seen[i].Load(); n != 1 {
				t.Errorf("position %d was seen %d times", i, n)
			}
		}
		if reported != h.positions() {
			t.Errorf("%d positions were reported", reported)
		}
	}
}

func TestInStepFails(t *testing.T) {
	h, good := stream(t, 5, 77, 1)
	bad := bytes.Clone(good)
	for i := range 4 {
		bad[20*h.recordBytes()+i] = 0xff // NaN
	}
	late := bytes.Clone(good) // found only at the end
	copy(late[(h.positions()-1)*h.recordBytes():], bad[20*h.recordBytes():][:4])
	nothing := func() look { return func(int, *logits, *logits) {} }
	for name, c := range map[string]struct {
		dense, flash []byte
		eof          bool
	}{
		"short dense": {good[:1000], good, true}, "short flash": {good, good[:len(good)-1], true},
		"no flash":  {good, nil, true},
		"NaN dense": {bad, good, false}, "NaN flash": {good, bad, false},
		"NaN at the end": {good, late, false},
	} {
		err := inStep(h, bytes.NewReader(c.dense), bytes.NewReader(c.flash), 2, nothing, func(int) {})
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) != c.eof {
			t.Errorf("%s: %v", name, err)
		}
	}
}
