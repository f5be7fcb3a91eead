package evaluation

import (
	"math"
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
	o := newOrder(four)
	o.set(&logits{values: []uint16{50, 50, 90, 10, 40, 40, 3, 5}})
	if o.required(3) != 1 || o.required(4) != 3 || o.required(6) != 0 {
		t.Errorf("required: %d, %d, %d", o.required(3), o.required(4), o.required(6))
	}
	if o.set(&logits{values: []uint16{50, 51, 90, 10, 40, 40, 3, 5}}) {
		t.Error("two clusters whose tokens differ tell no order, but one is told")
	}
}

func TestContainment(t *testing.T) {
	all := newContainment(four, []int{1, 2, 4}, 1)
	// dense: 1/2, 1/4, 1/8, … for tokens 2, 4, 6, 0, …; places of their clusters: 1, 3, pinned, 2
	logit := make([]float64, 8)
	for i, token := range []int{2, 4, 6, 0, 1, 3, 5, 7} {
		logit[token] = -float64(i) * math.Ln2
	}
	all.look()(0, decoded(t, logit...), &logits{values: []uint16{50, 50, 90, 10, 40, 40, 3, 5}})
	if all.unknown || all.required[0] != 1 {
		t.Errorf("required %v, unknown %t", all.required, all.unknown)
	}
	// of 255: tokens 2 and 3 have 128+4, 6 and 7 8+... : 32+1, 0 and 1 16+8, 4 and 5 64+2
	for j, want := range []struct {
		contained [3]int
		mass      float64
	}{{[3]int{1, 2, 4}, 165}, {[3]int{1, 4, 6}, 189}, {[3]int{1, 5, 8}, 255}} {
		var p Point
		all.fill(j, &p)
		if p.Top1.Count != want.contained[0] || p.Top5.Count != want.contained[1] || p.Top40.Count != want.contained[2] {
			t.Errorf("P = %d: %v, %v, %v, want %v", all.probes[j], p.Top1, p.Top5, p.Top40, want.contained)
		}
		if p.Top1.Total != 1 || p.Top5.Total != 5 || p.Top40.Total != 8 { // there are no 40
			t.Errorf("of %d, %d, %d", p.Top1.Total, p.Top5.Total, p.Top40.Total)
		}
		if math.Abs(p.Mass-want.mass/255) > 1e-4 {
			t.Errorf("P = %d: mass %g, want %g", all.probes[j], p.Mass, want.mass/255)
		}
	}
}
