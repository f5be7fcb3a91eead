package evaluation

import (
	"slices"
	"strings"
	"testing"
)

func TestPoints(t *testing.T) {
	for _, c := range []struct {
		asked  []int
		own, k uint32
		want   []int
	}{
		{nil, 250, 2000, []int{250}},
		{[]int{2000, 1, 64, 64}, 250, 2000, []int{1, 64, 250, 2000}},
	} {
		if got, err := points(c.asked, c.own, c.k); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v of %d: %v, %v, want %v", c.asked, c.k, got, err, c.want)
		}
	}
	if _, err := points([]int{64, 2001}, 250, 2000); err == nil {
		t.Error("more probes than clusters")
	}
}

func TestSettings(t *testing.T) {
	o := Defaults()
	if got := strings.Join(o.settings(64, allRows),
		" "); got != "FLASHHEAD_ENABLED=1 FLASHHEAD_EXACT=off FLASHHEAD_PROBES=64 FLASHHEAD_MODE=top FLASHHEAD_MAX_ROWS=0" {
		t.Error(got)
	}
	o.Mode, o.Temperature, o.Seed = modeSample, 0.8, 7
	if got := strings.Join(o.settings(64), " "); !strings.HasSuffix(got,
		"=sample FLASHHEAD_TEMPERATURE=0.8 FLASHHEAD_SEED=7") {
		t.Error(got)
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
