package evaluation

import (
	"slices"
	"strings"
	"testing"
)

func TestCut(t *testing.T) {
	for _, text := range []string{"", "a", "語語語語語", strings.Repeat("é b", 100)} {
		for n := 1; n < 5; n++ {
			parts := cut(text, n)
			if len(parts) != n || strings.Join(parts, "") != text {
				t.Errorf("%q in %d: %q", text, n, parts)
			}
			for _, part := range parts {
				if strings.ToValidUTF8(part, "") != part {
					t.Errorf("%q in %d: %q", text, n, part)
				}
			}
		}
	}
}

// Positions of the second half of each chunk belong to the kind that their token lies in.
func TestKindsOfPositions(t *testing.T) {
	h := header{context: 8, chunks: 4} // scored are tokens 4, 5 and 6 of each chunk
	read := text{passages: []passage{{"code", 6}, {"chat", 14}, {"code", 21}, {"data", 25}}}
	names, positions := read.kinds(h)
	if !slices.Equal(names, []string{"code", "chat", "data"}) {
		t.Fatal(names)
	}
	for i, want := range [][]int{{0, 1, 5, 6}, {2, 3, 4}, {7, 8, 9, 10, 11}} {
		if !slices.Equal(positions[i], want) {
			t.Errorf("%s: %v, want %v", names[i], positions[i], want)
		}
	}
	if names, _ := (text{}).kinds(h); names != nil {
		t.Errorf("a text without passages has kinds %v", names)
	}
}

func TestDivergesAt(t *testing.T) {
	for _, c := range []struct {
		a, b []int
		want int
	}{
		{nil, nil, -1}, {[]int{1, 2}, []int{1, 2}, -1}, {[]int{1, 2}, []int{1, 3}, 1}, {[]int{1, 2}, []int{1}, 1},
		{nil, []int{4}, 0},
	} {
		if got := divergesAt(c.a, c.b); got != c.want {
			t.Errorf("%v, %v: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
