package chart

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// abscissa is the logarithmic x axis, with a tick at every x that has a point.
type abscissa struct {
	values    []float64 // ascending, distinct
	low, high float64   // logarithms
	marked    float64
	left      float64 // edge of the plot area
}

func newAbscissa(c Chart, left float64) abscissa {
	a := abscissa{marked: c.Mark.X, left: left}
	if c.Mark.X > 0 {
		a.values = append(a.values, c.Mark.X)
	}
	for _, s := range c.Series {
		for _, p := range s.Points {
			a.values = append(a.values, p.X)
		}
	}
	slices.Sort(a.values)
	a.values = slices.Compact(a.values)
	if len(a.values) > 0 {
		a.low, a.high = math.Log(a.values[0]), math.Log(a.values[len(a.values)-1])
	}
	return a
}

// at returns the position of x. A single value lies in the middle.
func (a abscissa) at(x float64) float64 {
	if a.low == a.high {
		return (a.left + right) / 2
	}
	return a.left + inset + (right-a.left-2*inset)*(math.Log(x)-a.low)/(a.high-a.low)
}

// labelled returns the values whose labels fit. The marked one and both ends go first.
func (a abscissa) labelled() []float64 {
	if len(a.values) == 0 {
		return nil
	}
	first, last := a.values[0], a.values[len(a.values)-1]
	var chosen []float64
	for _, x := range append([]float64{a.marked, last, first}, a.values...) {
		collides := func(other float64) bool {
			return math.Abs(a.at(x)-a.at(other)) < (width(label(x))+width(label(other)))/2+glyph
		}
		if x > 0 && !slices.ContainsFunc(chosen, collides) {
			chosen = append(chosen, x)
		}
	}
	return chosen
}

func label(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func (a abscissa) draw(b *strings.Builder, name string) {
	line(b, "base", a.left, bottom, right, bottom)
	for _, x := range a.values {
		line(b, "base", a.at(x), bottom, a.at(x), bottom+4)
	}
	for _, x := range a.labelled() {
		class := "tick"
		if x == a.marked {
			class = "tick marked"
		}
		textWithin(b, class, a.at(x), bottom+4+lineDepth-3, label(x))
	}
	text(b, "name middle", (a.left+right)/2, Height-6, name)
}
