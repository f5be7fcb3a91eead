package chart

import (
	"fmt"
	"strings"
	"testing"
)

// Bars of a group begin together, are as long as their values, and have their text right of everything.
func TestBars(t *testing.T) {
	c := Bars{Title: "a < b", Notes: []string{"one & two"}, Series: []string{"dense", "fast"}, Bar: "interval",
		Mark: "ceiling", Groups: []BarGroup{
			{Name: "first", Bars: []Bar{
				{Heading: "1 thread", Label: "dense", Value: 10, Text: "ten"},
				{Label: "P = 1", Series: 1, Value: 20, Low: 18, High: 22, Mark: 40, Text: "twenty"},
			}},
			{Name: "second", Bars: []Bar{{Label: "dense", Value: 4, Text: "four"}}},
		}}
	svg := c.SVG()
	all := read(t, svg)
	var lengths []float64
	for _, class := range []string{"s1", "s2"} {
		for _, line := range strings.Split(svg, "\n") {
			var x, y, width, height float64
			n, _ := fmt.Sscanf(line, `<rect class="`+class+`" x="%f" y="%f" width="%f" height="%f"/>`, &x, &y, &width, &height)
			if n == 4 && x == barsLeft {
				lengths = append(lengths, width)
			}
		}
	}
	if want := "[87.5 350 175]"; fmt.Sprint(lengths) != want { // of 350: 10 of 40, 4 of 4, 20 of 40
		t.Errorf("bars are %v long, want %s", lengths, want)
	}
	text := func(s string) element {
		for _, e := range all {
			if e.name == "text" && e.text == s {
				return e
			}
		}
		t.Errorf("no text %q in\n%s", s, svg)
		return element{}
	}
	for _, s := range []string{"a < b", "one & two", "dense", "fast", "interval", "ceiling", "first", "1 thread", "P = 1",
		"second", "four"} {
		text(s)
	}
	if x := text("twenty").x; x <= barsRight {
		t.Errorf("the text at %[2]g is not right of the mark at %[1]d", barsRight, x)
	}
	if marks := having(all, "mark"); len(marks) != 2 || marks[1].x != barsRight { // the first is in the legend
		t.Errorf("marks %v", marks)
	}
	var low, high, y float64
	whiskers := having(all, "bar")
	if len(whiskers) != 2 {
		t.Fatalf("intervals %v", whiskers)
	}
	if _, err := fmt.Sscanf(whiskers[1].path, "M%f,%fv8m0,-4H%fm0,-4v8", &low, &y, &high); err != nil ||
		low != barsLeft+157.5 || high != barsLeft+192.5 {
		t.Errorf("interval %q", whiskers[1].path)
	}
}

// An interval far beyond all values is cut off instead of shrinking the bars.
func TestBarsFar(t *testing.T) {
	svg := Bars{Groups: []BarGroup{{Bars: []Bar{{Value: 10, Low: 5, High: 1000}}}}}.SVG()
	if !strings.Contains(svg, `width="250.0"`) || !strings.Contains(svg, `H560.0"/>`) {
		t.Errorf("%s", svg)
	}
}

func TestBarsEmpty(t *testing.T) {
	read(t, Bars{}.SVG())
	read(t, Bars{Groups: []BarGroup{{Bars: []Bar{{}}}}}.SVG())
}
