package chart

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func plain(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

func curve(points ...Point) Chart {
	return Chart{Name: "n", XName: "x", Y: Linear(plain), Series: []Series{{"s", points}}}
}

// Doubling x is the same distance everywhere, larger values lie higher, and an interval lies around its value.
func TestPlaces(t *testing.T) {
	svg := curve(Point{X: 64, Y: 0.95}, Point{X: 128, Y: 0.97}, Point{X: 256, Y: 0.99, Low: 0.98, High: 1}).SVG()
	var x, y [3]float64
	for i, mark := range strings.SplitAfter(svg, `class="point" transform="`)[1:] {
		if _, err := fmt.Sscanf(mark, "translate(%f,%f)", &x[i], &y[i]); err != nil {
			t.Fatal(err)
		}
	}
	same := func(a, b float64) bool { return math.Abs(a-b) < 0.02 }
	if x[0] < left || x[2] > right || x[1] <= x[0] || !same(x[1]-x[0], x[2]-x[1]) {
		t.Errorf("x %v", x)
	}
	if y[1] >= y[0] || !same(y[0]-y[1], y[1]-y[2]) {
		t.Errorf("y %v", y)
	}
	var at, low, high float64
	_, bar, _ := strings.Cut(svg, `class="bar" d="`)
	if _, err := fmt.Sscanf(bar, "M%f,%fh6M%f,%fV%fm-3,0h6", &at, &low, &at, &low, &high); err != nil ||
		at != x[2] || low <= y[2] || !same(low-y[2], y[2]-high) {
		t.Errorf("the interval is from %g to %g at %g, %v", low, high, at, err)
	}
}

// One disturbed pair of runs must not flatten all others: its interval runs out at the top.
func TestIntervalsRunOut(t *testing.T) {
	c := curve(Point{X: 64, Y: 2, Low: 1, High: 200}, Point{X: 128, Y: 1.5, Low: 1.2, High: 2.5})
	c.Most = 4
	if svg := c.SVG(); strings.Count(svg, fmt.Sprintf(`V%d"`, top)) != 1 || strings.Count(svg, `m-3,0h6"`) != 1 ||
		!strings.Contains(svg, ">2.5<") || strings.Contains(svg, ">3.0<") {
		t.Error(svg)
	}
}

// The ticks cover all values. On a logarithmic scale values of 0, or below by rounding, lie on a level of their own.
func TestTicks(t *testing.T) {
	for _, c := range []struct {
		scale  Scale
		values []float64
		want   string
	}{
		{Linear(plain), []float64{0.95, 0.997}, "0.94 0.96 0.98 1.00"},
		{Linear(plain), []float64{1, 1}, "0.990 0.995 1.000"},
		{Linear(plain), []float64{0, 0}, "0.000 0.005 0.010"},
		{Linear(plain), []float64{1, 2.6}, "1.0 1.5 2.0 2.5 3.0"},
		{Linear(plain), []float64{0, 262144}, "0 100000 200000 300000"},
		{Linear(plain), nil, "0.0 0.5 1.0"},
		{Log(), []float64{0.02, 0.4}, "0.02 0.05 0.1 0.2 0.5"},
		{Log(), []float64{0.0003, 0.4}, "0.0001 0.001 0.01 0.1 1"},
		{Log(), []float64{0.3, 0}, "≈ 0 0.2 0.5"},
		{Log(), []float64{0, -3e-9}, "≈ 0 0.001 0.002 0.005 0.01 0.02 0.05 0.1"},
		{Log(), []float64{0.1}, "0.1 0.2"},
		{Log(), []float64{2e-6, 1e12}, "1e-6 0.001 1 1000 1e6 1e9 1e12"},
		{Log(), nil, "0.001 0.002 0.005 0.01 0.02 0.05 0.1"},
	} {
		a := c.scale.axis(c.values)
		var labels []string
		for _, tick := range a.ticks {
			labels = append(labels, tick.label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%v: ticks %s, want %s", c.values, got, c.want)
		}
		for _, v := range c.values {
			s, lowest := a.share(v), labels[0] == "≈ 0"
			if s < -1e-9 || s > 1+1e-9 || lowest && (v < Least) != (s == 0) {
				t.Errorf("%v: %v lies at %v", c.values, v, s)
			}
		}
	}
}

// Labels do not overlap, and the marked x has one.
func TestLabelsHaveRoom(t *testing.T) {
	for _, xs := range [][]float64{
		{64, 128, 250, 256, 512}, {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096}, {250}, {249, 250, 251},
	} {
		c := Chart{Mark: Mark{X: 250}, Series: []Series{{}}}
		for _, x := range xs {
			c.Series[0].Points = append(c.Series[0].Points, Point{X: x, Y: x})
		}
		a := newAbscissa(c)
		labelled := a.labelled()
		if !slices.Contains(labelled, 250) {
			t.Errorf("%v: the marked x has no label", xs)
		}
		slices.Sort(labelled)
		for i := 1; i < len(labelled); i++ {
			x, y := labelled[i-1], labelled[i]
			if a.at(y)-a.at(x) < (width(label(x))+width(label(y)))/2 {
				t.Errorf("%v: %g and %g overlap", xs, x, y)
			}
		}
	}
}

// Bars of a group begin together, are as long as their values, and have their text right of everything. An interval far
// beyond all values is cut off instead of shrinking the bars.
func TestBars(t *testing.T) {
	svg := Bars{Title: "a < b", Series: []string{"dense", "fast"}, Groups: []BarGroup{
		{Name: "first", Bars: []Bar{
			{Heading: "1 thread", Label: "dense", Value: 10, Text: "ten"},
			{Label: "P = 1", Series: 1, Value: 20, Low: 18, High: 22, Mark: 40, Text: "twenty"},
		}},
		{Name: "far", Bars: []Bar{{Value: 10, Low: 5, High: 1000}}},
		{Name: "nothing", Bars: []Bar{{}}},
	}}.SVG()
	for _, want := range []string{
		">a &lt; b</text>", ">1 thread</text>",
		`class="s1" x="210.0" y="102.0" width="87.5"`, `class="s2" x="210.0" y="122.0" width="175.0"`, // 10 and 20 of 40
		`d="M367.5,126.0v8m0,-4H402.5m0,-4v8"`, `class="mark" x1="560.00"`, `x="568.00" y="134.00">twenty<`,
		`width="250.0"`, `H560.0"/>`,
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Error(svg)
	}
}
