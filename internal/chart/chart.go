// Package chart draws SVG: small line charts over a logarithmic x axis for pages, and bar charts that stand alone. Line
// charts have classes and no colours, so that the page can choose them for light, dark and print.
package chart

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// Size of a chart and its plot area in units of its viewBox, which are pixels on a phone's width.
const (
	Width  = 360
	Height = 236

	left, right, top, bottom = 66, 348, 24, 196

	inset     = 16  // of the outermost x from the plot area's edge
	glyph     = 6.6 // mean width of a character of a label
	lineDepth = 15  // from a tick to the base line of its label
)

// Chart is a line chart.
type Chart struct {
	Name   string // for screen readers
	XName  string
	Y      Scale
	Series []Series
	Mark   Mark    // a vertical line with its label above; none if X is 0
	Rule   float64 // y of a horizontal line; none if 0
	Most   float64 // intervals that end above it are cut off at the top; 0: no limit
}

// Series is one line. Its index selects its marker and its class: s1, s2, …
type Series struct {
	Name   string
	Points []Point
}

// Point is one value, with an interval where Low < High. X is above 0, and Y is Finite.
type Point struct {
	X, Y, Low, High float64
	Label           string // tooltip
}

// Mark is a vertical line.
type Mark struct {
	X     float64
	Label string
}

// markers tell the series apart without colour. They grow, and all but the first are hollow, so that points that
// coincide stay visible.
var markers = []string{
	"M-3,0a3,3 0 1 0 6,0a3,3 0 1 0 -6,0z",
	"M-4.5,-4.5h9v9h-9z",
	"M0,-6.5l6,10.5h-12z",
	"M0,-6.5l6.5,6.5l-6.5,6.5l-6.5,-6.5z",
}

// Marker returns the path of a series' marker for legends. It is centred at 0,0 and fits into 16 x 16.
func Marker(series int) string { return markers[series%len(markers)] }

// SVG returns the drawing as one element. All text in it is escaped.
func (c Chart) SVG() string {
	var b strings.Builder
	name := html.EscapeString(c.Name)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 %d %d" `+
		`role="img" aria-label="%s">`+"\n", Width, Height, name)
	y := c.Y.axis(c.values())
	x := newAbscissa(c)
	for _, t := range y.ticks {
		at := y.at(t.value)
		line(&b, "grid", left, at, right, at)
		text(&b, "tick end", left-6, at+4, t.label)
	}
	x.draw(&b, c.XName)
	if c.Rule != 0 {
		line(&b, "rule", left, y.at(c.Rule), right, y.at(c.Rule))
	}
	if c.Mark.X > 0 {
		at := x.at(c.Mark.X)
		line(&b, "mark", at, top-4, at, bottom)
		textWithin(&b, "marked", at, top-9, c.Mark.Label)
	}
	for i, s := range slices.Backward(c.Series) {
		s.draw(&b, i, x, y)
	}
	b.WriteString("</svg>")
	return b.String()
}

// values returns all y that the axis must cover.
func (c Chart) values() []float64 {
	var all []float64
	if c.Rule != 0 {
		all = append(all, c.Rule)
	}
	for _, s := range c.Series {
		for _, p := range s.Points {
			all = append(all, p.Y)
			if p.Low < p.High {
				all = append(all, p.Low)
				if c.Most == 0 || p.High <= c.Most {
					all = append(all, p.High)
				}
			}
		}
	}
	return all
}

func (s Series) draw(b *strings.Builder, i int, x abscissa, y axis) {
	fmt.Fprintf(b, `<g class="s%d">`+"\n", i+1)
	var path []string
	for _, p := range s.Points {
		path = append(path, fmt.Sprintf("%.2f,%.2f", x.at(p.X), y.at(p.Y)))
	}
	if len(path) > 1 {
		fmt.Fprintf(b, `<polyline class="line" points="%s"/>`+"\n", strings.Join(path, " "))
	}
	for _, p := range s.Points {
		at := x.at(p.X)
		if p.Low < p.High && Finite(p.Low) && Finite(p.High) {
			b.WriteString(bar(at, y.at(p.Low), y.at(p.High), y.share(p.High) > 1+1e-9))
		}
		fmt.Fprintf(b, `<path class="point" transform="translate(%.2f,%.2f)" d="%s"><title>%s</title></path>`+"\n",
			at, y.at(p.Y), Marker(i), html.EscapeString(p.Label))
	}
	b.WriteString("</g>\n")
}

// bar draws an interval, without a cap at its top if it is cut off there.
func bar(x, low, high float64, beyond bool) string {
	d := fmt.Sprintf("M%.2f,%.2fh6M%.2f,%.2fV", x-3, low, x, low)
	if beyond {
		d += fmt.Sprint(top)
	} else {
		d += fmt.Sprintf("%.2fm-3,0h6", high)
	}
	return `<path class="bar" d="` + d + `"/>` + "\n"
}

func line(b *strings.Builder, class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, `<line class="%s" x1="%.2f" y1="%.2f" x2="%.2f" y2="%.2f"/>`+"\n", class, x1, y1, x2, y2)
}

func text(b *strings.Builder, class string, x, y float64, s string) {
	fmt.Fprintf(b, `<text class="%s" x="%.2f" y="%.2f">%s</text>`+"\n", class, x, y, html.EscapeString(s))
}

// textWithin centres a text at x but keeps it inside the drawing.
func textWithin(b *strings.Builder, class string, x, y float64, s string) {
	half := width(s) / 2
	text(b, class+" middle", max(half, min(x, Width-half)), y, s)
}

func width(s string) float64 { return glyph * float64(len([]rune(s))) }

// Finite reports whether a value can be drawn. Above 1e300 there may be no room for a higher tick.
func Finite(v float64) bool { return math.Abs(v) <= 1e300 }
