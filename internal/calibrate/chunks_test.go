package calibrate

import (
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

func TestLayout(t *testing.T) {
	for context, want := range map[uint64]layout{0: {512, 16}, 5: {512, 16}, 32: {32, 8}, 100: {100, 16}, 256: {256, 16},
		512: {512, 16}, 1 << 60: {512, 16}} {
		if got := newLayout(context); got != want {
			t.Errorf("context %d: %+v, want %+v", context, got, want)
		}
	}
}

func upTo(n int) []int {
	tokens := make([]int, n)
	for i := range tokens {
		tokens[i] = i
	}
	return tokens
}

// A text of a few chunks is used whole, chunks fitted to and held out in turn, each behind the prefix.
func TestChunks(t *testing.T) {
	l := layout{256, 16} // 254 tokens of text and 240 positions a chunk
	fit, heldOut, err := l.chunks([]int{-1, -2}, upTo(5*254+100))
	if err != nil || len(fit) != 3 || len(heldOut) != 2 {
		t.Fatalf("%d and %d chunks, %v", len(fit), len(heldOut), err)
	}
	for i, chunk := range [][]int{fit[0], heldOut[0], fit[1], heldOut[1], fit[2]} {
		if len(chunk) != 256 || chunk[0] != -1 || chunk[1] != -2 || chunk[2] != i*254 || chunk[255] != i*254+253 {
			t.Errorf("chunk %d: %v", i, chunk)
		}
	}
}

// Of a long text as many positions are kept as may be, from its beginning to its end.
func TestLongText(t *testing.T) {
	l := layout{512, 16}
	const there = 1000
	fit, heldOut, err := l.chunks(nil, upTo(there*512))
	n := (len(fit) + len(heldOut)) * l.kept()
	if err != nil || n > mostPositions || n < mostPositions-l.kept() || len(fit)-len(heldOut) > 1 ||
		len(fit) < len(heldOut) {
		t.Fatalf("%d and %d chunks, %v", len(fit), len(heldOut), err)
	}
	last := max(fit[len(fit)-1][0], heldOut[len(heldOut)-1][0]) / 512
	if fit[0][0] != 0 || last < there*9/10 {
		t.Errorf("chunks %d to %d of %d", fit[0][0], last, there)
	}
	// eight blocks of two chunks, fitted to and held out in turn
	for i, step := range []int{fit[1][0] - fit[0][0], heldOut[0][0] - fit[1][0], heldOut[1][0] - heldOut[0][0],
		fit[2][0] - heldOut[1][0]} {
		if step < 512*(there/16) || step > 512*(there/16+1) {
			t.Errorf("chunk %d is %d tokens behind the one before", i+1, step)
		}
	}
}

func TestTooShort(t *testing.T) {
	l := layout{512, 16}
	_, _, err := l.chunks([]int{1}, upTo(3*511-1))
	if err == nil || err.Error() != "the text is too short: it has 1532 tokens, calibration needs 1533" ||
		!strings.Contains(hint.Of(err), BuiltIn) {
		t.Errorf("%v, way out %q", err, hint.Of(err))
	}
	if fit, heldOut, err := l.chunks([]int{1}, upTo(3*511)); err != nil || len(fit) != 2 || len(heldOut) != 1 {
		t.Errorf("%d and %d chunks, %v", len(fit), len(heldOut), err)
	}
	if _, _, err := (layout{32, 8}).chunks(upTo(24), upTo(100000)); err == nil || hint.Of(err) == "" {
		t.Errorf("a prefix of nearly a chunk: %v", err)
	}
}

// Of one of many kinds a chunk is fitted to, and another is held out that has nothing of the first.
func TestSample(t *testing.T) {
	l := layout{512, 16}
	fit, heldOut, ok := l.sample([]int{-1}, upTo(1000))
	if !ok || !slices.Equal(fit, append([]int{-1}, upTo(kindFit)...)) || len(heldOut) != 1+kindHeldOut || heldOut[1] != 500 {
		t.Errorf("%v, %v, %t", fit, heldOut, ok)
	}
	if fit, heldOut, ok = l.sample(nil, upTo(60)); !ok || len(fit) != 30 || len(heldOut) != 30 || heldOut[0] != 30 {
		t.Errorf("%v, %v, %t", fit, heldOut, ok)
	}
	if _, _, ok = l.sample(nil, upTo(30)); ok {
		t.Error("so short a text is used")
	}
	if fit, _, ok = (layout{32, 8}).sample([]int{-1}, upTo(1000)); !ok || len(fit) != 32 {
		t.Errorf("%v, %t", fit, ok)
	}
}

func TestPrefix(t *testing.T) {
	for _, c := range []struct{ alone, special, want []int }{
		{[]int{5, 6}, []int{5, 6}, []int{}},
		{[]int{5, 6}, []int{1, 5, 6}, []int{1}},
		{[]int{5, 6}, []int{1, 5, 6, 2}, []int{1}},
		{[]int{5, 6}, []int{5, 6, 2}, []int{}},
		{[]int{5, 6}, []int{5}, nil},
		{nil, []int{1}, []int{}},
	} {
		if got := prefix(c.alone, c.special); !slices.Equal(got, c.want) {
			t.Errorf("%v in %v: %v", c.alone, c.special, got)
		}
	}
}
