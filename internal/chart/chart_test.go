package chart

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
)

// element is one element of a drawing with its text.
type element struct {
	name, class, text string
	x, y              float64
	path              string
}

// read parses a drawing, which must be well-formed and free of NaN and Inf.
func read(t *testing.T, svg string) []element {
	t.Helper()
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Fatalf("not a number in\n%s", svg)
	}
	var all []element
	var open []int
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local}
			for _, a := range token.Attr {
				switch a.Name.Local {
				case "class":
					e.class = a.Value
				case "x", "x1":
					e.x, _ = strconv.ParseFloat(a.Value, 64)
				case "y", "y1":
					e.y, _ = strconv.ParseFloat(a.Value, 64)
				case "transform":
					fmt.Sscanf(a.Value, "translate(%f,%f)", &e.x, &e.y)
				case "d":
					e.path = a.Value
				}
			}
			all = append(all, e)
			open = append(open, len(all)-1)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				all[open[len(open)-1]].text += string(token)
			}
		}
	}
}

func having(all []element, class string) []element {
	var some []element
	for _, e := range all {
		if strings.Contains(" "+e.class+" ", " "+class+" ") {
			some = append(some, e)
		}
	}
	return some
}

func plain(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

func curve(points ...Point) Chart {
	return Chart{Name: "n", XName: "x", Y: Linear(plain), Series: []Series{{"s", points}}, Rule: math.NaN()}
}

// Doubling x is the same distance everywhere, and larger values lie higher.
func TestPlaces(t *testing.T) {
	c := curve(Point{X: 64, Y: 0.95}, Point{X: 128, Y: 0.97}, Point{X: 256, Y: 0.99, Low: 0.98, High: 1})
	all := read(t, c.SVG())
	p := having(all, "point")
	if len(p) != 3 {
		t.Fatalf("%d points", len(p))
	}
	if d := (p[1].x - p[0].x) - (p[2].x - p[1].x); p[0].x < leastLeft || p[2].x > right || math.Abs(d) > 0.02 {
		t.Errorf("x %v", p)
	}
	if d := (p[0].y - p[1].y) - (p[1].y - p[2].y); p[1].y >= p[0].y || math.Abs(d) > 0.02 {
		t.Errorf("y %v", p)
	}
	bars := having(all, "bar")
	if len(bars) != 1 {
		t.Fatalf("%d bars", len(bars))
	}
	var x, low, x2, low2, high float64
	_, err := fmt.Sscanf(bars[0].path, "M%f,%fh6M%f,%fV%fm-3,0h6", &x, &low, &x2, &low2, &high)
	if err != nil || !(low > p[2].y && p[2].y > high) || math.Abs((low-p[2].y)-(p[2].y-high)) > 0.02 {
		t.Errorf("bar %q around %v: %v", bars[0].path, p[2], err)
	}
}

// One disturbed pair of runs must not flatten all others.
func TestIntervalsRunOut(t *testing.T) {
	c := curve(Point{X: 64, Y: 2, Low: 1, High: 200}, Point{X: 128, Y: 1.5, Low: 1.2, High: 2.5})
	c.Most = 4
	all := read(t, c.SVG())
	if p := having(all, "point"); p[1].y-p[0].y < 20 {
		t.Errorf("points at %v", p)
	}
	bars := having(all, "bar")
	if !strings.HasSuffix(bars[0].path, fmt.Sprintf("V%d", top)) || !strings.HasSuffix(bars[1].path, "h6") {
		t.Errorf("bars %q and %q", bars[0].path, bars[1].path)
	}
}

func labels(a axis) string {
	var all []string
	for _, tick := range a.ticks {
		all = append(all, tick.label)
	}
	return strings.Join(all, " ")
}

func TestLinearTicks(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{0.95, 0.997}, "0.94 0.96 0.98 1.00"},
		{[]float64{1, 1}, "0.990 0.995 1.000"},
		{[]float64{0, 0}, "0.000 0.005 0.010"},
		{[]float64{1, 2.6}, "1.0 1.5 2.0 2.5 3.0"},
		{[]float64{0, 7.2}, "0 2 4 6 8"},
		{[]float64{0, 262144}, "0 100000 200000 300000"},
		{nil, "0.0 0.5 1.0"},
	} {
		a := Linear(plain).axis(c.values)
		if got := labels(a); got != c.want {
			t.Errorf("%v: ticks %s, want %s", c.values, got, c.want)
		}
		for _, v := range c.values {
			if s := a.share(v); s < -1e-9 || s > 1+1e-9 {
				t.Errorf("%v: %v lies outside, at %v", c.values, v, s)
			}
		}
	}
}

// Values of 0, or below by rounding, lie on a level of their own under the others.
func TestLogarithmOfNothing(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{0.02, 0.4}, "0.02 0.05 0.1 0.2 0.5"},
		{[]float64{0.0003, 0.4}, "0.0001 0.001 0.01 0.1 1"},
		{[]float64{0.3, 0}, "≈ 0 0.2 0.5"},
		{[]float64{0, -3e-9}, "≈ 0 0.001 0.002 0.005 0.01 0.02 0.05 0.1"},
		{[]float64{0.1}, "0.1 0.2"},
		{[]float64{0.2}, "0.2 0.5"},
		{[]float64{2e-6, 1e12}, "1e-6 0.001 1 1000 1e6 1e9 1e12"},
		{nil, "0.001 0.002 0.005 0.01 0.02 0.05 0.1"},
	} {
		a := Log().axis(c.values)
		if got := labels(a); got != c.want {
			t.Errorf("%v: ticks %s, want %s", c.values, got, c.want)
		}
		for _, v := range c.values {
			if s := a.share(v); s < 0 || s > 1+1e-9 || (v < Least) != (s == 0) && a.ticks[0].value == 0 {
				t.Errorf("%v: %v lies at %v", c.values, v, s)
			}
		}
	}
}

// Labels do not overlap, and the marked x has one.
func TestLabelsHaveRoom(t *testing.T) {
	for _, xs := range [][]float64{
		{64, 128, 250, 256, 512}, {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}, {250},
		{249, 250, 251},
		{250, 262144},
	} {
		var points []Point
		for _, x := range xs {
			points = append(points, Point{X: x, Y: x})
		}
		c := curve(points...)
		c.Mark = Mark{250, "the file's own P"}
		all := read(t, c.SVG())
		var ticks []element
		own := false
		for _, e := range having(all, "tick") {
			if e.y > bottom {
				ticks = append(ticks, e)
				own = own || e.text == "250"
			}
		}
		if !own {
			t.Errorf("%v: the marked x has no label", xs)
		}
		for i, a := range ticks {
			for _, b := range ticks[i+1:] {
				if math.Abs(a.x-b.x) < (width(a.text)+width(b.text))/2 {
					t.Errorf("%v: %s and %s overlap", xs, a.text, b.text)
				}
			}
		}
		for _, e := range having(all, "middle") {
			if e.x-width(e.text)/2 < 0 || e.x+width(e.text)/2 > Width {
				t.Errorf("%v: %q is cut off at %v", xs, e.text, e.x)
			}
		}
	}
}

func TestTicksHaveRoom(t *testing.T) {
	for _, y := range []float64{1, 1e9, 1e-5} {
		for _, e := range having(read(t, curve(Point{X: 1, Y: y}, Point{X: 2, Y: y / 2}).SVG()), "end") {
			if e.x-width(e.text) < 0 {
				t.Errorf("%v: %q is cut off at the left", y, e.text)
			}
		}
	}
}

func TestDegenerateCharts(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]Chart{
		"nothing":    {Y: Linear(plain), Rule: nan},
		"no points":  {Y: Log(), Series: []Series{{Name: "s"}}, Rule: nan},
		"one point":  curve(Point{X: 250, Y: 1}),
		"no numbers": curve(Point{X: 1, Y: nan}, Point{X: 2, Y: inf}, Point{X: 4, Y: 0.5, Low: nan, High: inf}),
		"huge":       curve(Point{X: 1, Y: 1e300}, Point{X: 262144, Y: -1e300}),
		"logarithm, huge": {Y: Log(),
			Series: []Series{{"s", []Point{{X: 1, Y: 1e300}, {X: 1, Y: 1e308}, {X: 2, Y: math.MaxFloat64}}}}, Rule: nan},
		"bar below 0": {Y: Log(), Series: []Series{{"s", []Point{{X: 1, Y: 0.1, Low: -0.1, High: 0.3}}}}, Rule: nan},
	} {
		t.Run(name, func(t *testing.T) {
			for _, e := range read(t, c.SVG()) {
				if e.x < 0 || e.x > Width || e.y < 0 || e.y > Height {
					t.Errorf("%s %q at %v,%v", e.name, e.class, e.x, e.y)
				}
			}
		})
	}
}

func TestTextIsEscaped(t *testing.T) {
	const hostile = `"><script>alert('x')</script>&`
	c := curve(Point{X: 1, Y: 1, Label: hostile})
	c.Name, c.XName, c.Mark = hostile, hostile, Mark{1, hostile}
	for _, e := range read(t, c.SVG()) {
		if e.name == "script" {
			t.Error("a label became an element")
		}
	}
}
