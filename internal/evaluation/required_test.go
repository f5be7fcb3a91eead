package evaluation

import (
	"slices"
	"testing"
)

// Eight tokens in four clusters, token 7 and 6 pinned, 6 and 7 alone in the last.
var four = clusters{of: []uint32{0, 0, 1, 1, 2, 2, 3, 3}, pinned: []bool{6: true, 7: true}, count: 4}

func TestOrder(t *testing.T) {
	for name, c := range map[string]struct {
		values []uint16
		places []int32
	}{
		// clusters 0, 1, 2 are not scored but 1: its tokens differ, one of them below the scores of others
		"the scored one first":         {[]uint16{50, 50, 90, 10, 40, 40, 3, 5}, []int32{2, 1, 3, 4}},
		"pinned ones by their mean":    {[]uint16{50, 50, 90, 10, 40, 40, 30, 56}, []int32{2, 1, 4, 3}},
		"none gives itself away":       {[]uint16{50, 50, 90, 90, 40, 40, 3, 5}, []int32{2, 1, 3, 4}},
		"the same score, last of both": {[]uint16{50, 50, 90, 10, 50, 50, 3, 5}, []int32{3, 1, 3, 4}},
		"at the bottom":                {[]uint16{0, 0, 90, 10, 0, 0, 3, 5}, []int32{4, 1, 4, 2}},
	} {
		o := newOrder(four)
		if !o.set(&logits{values: c.values}) || !slices.Equal(o.place, c.places) {
			t.Errorf("%s: %v, want %v", name, o.place, c.places)
		}
	}
}

func TestRequired(t *testing.T) {
	all := newRequired(four, 3)
	look := all.look()
	f := &logits{values: []uint16{50, 50, 90, 10, 40, 40, 3, 5}} // clusters in the order 1, 0, 2, 3
	for i, best := range []int32{4, 7, 3} {
		d := &logits{values: make([]uint16, 8)}
		d.values[best] = 9
		look(i, d, f)
	}
	if !slices.Equal(all.least, []float64{3, 0, 1}) || all.unknown.Load() {
		t.Errorf("%v", all.least)
	}
	if r := all.distribution(); r.Median != 1 || r.Max != 3 {
		t.Errorf("%+v", r)
	}
	look(0, &logits{values: make([]uint16, 8)}, &logits{values: []uint16{50, 51, 90, 10, 40, 40, 3, 5}})
	if !all.unknown.Load() {
		t.Error("an order that is not told is known")
	}
}
