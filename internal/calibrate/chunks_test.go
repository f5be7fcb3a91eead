package calibrate

import (
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
)

func upTo(n int) []int {
	tokens := make([]int, n)
	for i := range tokens {
		tokens[i] = i
	}
	return tokens
}

// Chunks of the fit and held-out chunks do not overlap.
func TestCut(t *testing.T) {
	fit, heldOut, err := cut([]int{-1, -2}, upTo(1000), 1)
	if err != nil || len(fit) != 1 || len(heldOut) != 1 ||
		!slices.Equal(fit[0], slices.Concat([]int{-1, -2}, upTo(38))) ||
		len(heldOut[0]) != 24 || !slices.Equal(heldOut[0][:4], []int{-1, -2, 500, 501}) {
		t.Errorf("%v, %v, %v", fit, heldOut, err)
	}
	// a text shorter than two whole chunks
	fit, heldOut, err = cut(nil, upTo(41), 8)
	if err != nil || len(fit) != 1 || len(fit[0]) != 20 || len(heldOut) != 1 || len(heldOut[0]) != 21 ||
		heldOut[0][0] != 20 {
		t.Errorf("%v, %v, %v", fit, heldOut, err)
	}
}

// The chunks of a long text are spread over each half.
func TestLongText(t *testing.T) {
	fit, heldOut, err := cut([]int{-1}, upTo(100_000), 8)
	if err != nil || len(fit) != 8 || len(heldOut) != 8 {
		t.Fatalf("%d and %d chunks, %v", len(fit), len(heldOut), err)
	}
	for i := range 8 {
		if fit[i][1] != 6250*i || len(fit[i]) != 40 || heldOut[i][1] != 50_000+6250*i || len(heldOut[i]) != 24 {
			t.Errorf("chunk %d: from %d and %d on, %d and %d tokens", i, fit[i][1], heldOut[i][1], len(fit[i]),
				len(heldOut[i]))
		}
	}
	fit, heldOut, err = cut(nil, upTo(2*120), 8) // three chunks for the fit and five held out
	if err != nil || len(fit) != 3 || fit[1][0] != 40 || len(heldOut) != 5 || heldOut[4][0] != 120+96 {
		t.Errorf("%d and %d chunks, %v", len(fit), len(heldOut), err)
	}
}

func TestTooShort(t *testing.T) {
	_, _, err := cut([]int{1}, upTo(31), 8)
	hinttest.Check(t, err, "the text is too short: it has 30 tokens, calibration needs 32")
	if _, _, err := cut([]int{1}, upTo(32), 8); err != nil {
		t.Error(err)
	}
	_, _, err = cut(upTo(25), upTo(100000), 1) // a prefix that leaves little room
	hinttest.Check(t, err, "--no-calibrate")
}
