package evaluation

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
)

// record writes one position as llama-perplexity does: the logits' log probabilities, 65536 steps over 16 nats at most.
func record(logit []float64) []byte {
	largest, smallest, sum := math.Inf(-1), math.Inf(1), 0.0
	for _, l := range logit {
		largest, smallest = max(largest, l), min(smallest, l)
	}
	smallest = max(smallest, largest-16)
	for _, l := range logit {
		sum += math.Exp(l - largest)
	}
	scale := (largest - smallest) / 65535
	out := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(scale)))
	out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(smallest-largest-math.Log(sum))))
	for _, l := range logit {
		out = binary.LittleEndian.AppendUint16(out, uint16(math.Round(max(0, l-smallest)/max(scale, 1e-30))))
	}
	if len(logit)%2 == 1 {
		out = append(out, 0, 0)
	}
	return out
}

// decoded returns the logits after a round trip through a record.
func decoded(t *testing.T, logit ...float64) *logits {
	t.Helper()
	l := &logits{values: make([]uint16, len(logit))}
	if err := l.decode(record(logit)); err != nil {
		t.Fatal(err)
	}
	return l
}

// random returns logits, some far below the best.
func random(r *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 5 * r.NormFloat64()
	}
	return out
}

// file returns a whole stream with ctx tokens per chunk.
func file(ctx, vocab, chunks int, positions [][]float64) []byte {
	out := []byte("_logits_")
	for _, n := range []int{ctx, vocab, chunks} {
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	}
	for i := range ctx * chunks {
		out = binary.LittleEndian.AppendUint32(out, uint32(i))
	}
	for _, p := range positions {
		out = append(out, record(p)...)
	}
	return out
}

func TestDecode(t *testing.T) {
	// ln of 1/2, 1/4 and two times 1/8
	l := decoded(t, math.Log(4), math.Log(2), 0, 0)
	for token, want := range []float64{0.5, 0.25, 0.125, 0.125} {
		if got := math.Exp(l.log(int32(token))); math.Abs(got-want) > 1e-5 {
			t.Errorf("token %d: %g, want %g", token, got, want)
		}
		var p powers
		p.set(l, 1)
		if got := p.of(l.values[token]); math.Abs(got-want) > 1e-5 {
			t.Errorf("token %d by powers: %g, want %g", token, got, want)
		}
	}
	if l := decoded(t, 3, 3, 3); l.scale != 0 || math.Abs(l.log(2)-math.Log(1.0/3)) > 1e-6 {
		t.Errorf("all the same: %+v", l)
	}
	bad := record([]float64{1, 2})
	binary.LittleEndian.PutUint32(bad[4:], math.Float32bits(float32(math.NaN())))
	if err := (&logits{values: make([]uint16, 2)}).decode(bad); err == nil ||
		!strings.Contains(err.Error(), "not finite") {
		t.Errorf("NaN: %v", err)
	}
}

func TestHeader(t *testing.T) {
	data := file(33, 5, 2, nil)
	h, err := readHeader(bytes.NewReader(data), 33, 5)
	if err != nil {
		t.Fatal(err)
	}
	// as llama-perplexity: positions 16 .. 31 of 0 .. 32, and 5 values take the room of 6
	if h.positions() != 2*16 || h.recordBytes() != 8+12 || h.bytes() != 32*20 || len(h.tokens) != 4*66 {
		t.Errorf("%d positions of %d bytes", h.positions(), h.recordBytes())
	}
	other := bytes.Clone(data)
	other[len(other)-1]++
	if o, err := readHeader(bytes.NewReader(other), 33, 5); err != nil || h.same(o) || !h.same(h) {
		t.Errorf("another text is the same: %v", err)
	}
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"short head":   {data[:15], io.ErrUnexpectedEOF},
		"short tokens": {data[:100], io.ErrUnexpectedEOF},
		"nothing":      {nil, io.ErrUnexpectedEOF},
		"other magic":  {append([]byte("_logitz_"), data[8:]...), nil},
		"other V":      {file(33, 6, 2, nil), nil},
		"other chunks": {file(64, 5, 2, nil), nil},
		"no chunk":     {file(33, 5, 0, nil), nil},
	} {
		if _, err := readHeader(bytes.NewReader(c.data), 33, 5); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

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
