package chart

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Scale is the kind of a y axis.
type Scale struct {
	logarithmic bool
	label       func(value float64, digits int) string
}

// Linear returns a scale in even steps. label formats a tick with the number of decimals that the steps need.
func Linear(label func(value float64, digits int) string) Scale { return Scale{label: label} }

// Log returns a logarithmic scale. Values below Least lie at the bottom, because a measured value can be 0 or, by
// rounding, less.
func Log() Scale {
	short := strings.NewReplacer("e-0", "e-", "e+0", "e", "e+", "e")
	return Scale{logarithmic: true, label: func(v float64, _ int) string {
		return short.Replace(strconv.FormatFloat(v, 'g', -1, 64))
	}}
}

// Least is the smallest value that a logarithmic axis distinguishes from 0.
const Least = 1e-6

const (
	padding = 6.0  // between the plot area's edges and the outermost values
	lane    = 0.14 // share of a logarithmic axis left for the values below Least
)

type tick struct {
	value float64
	label string
}

type axis struct {
	ticks []tick
	share func(value float64) float64 // 0 at the bottom, 1 at the top
}

func (a axis) at(v float64) float64 {
	return bottom - padding - (bottom-top-2*padding)*max(0, min(1, a.share(v)))
}

func (s Scale) axis(values []float64) axis {
	if s.logarithmic {
		return s.logAxis(values)
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if Finite(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	switch {
	case low > high:
		low, high = 0, 1
	case low == high: // span 1 %, downwards if possible, since shares of 1 are common
		if span := 0.01 * max(1, math.Abs(high)); low >= span {
			low -= span
		} else {
			high += span
		}
	}
	step, digits := niceStep((high - low) / 4)
	low = math.Floor(low/step+1e-9) * step
	high = math.Ceil(high/step-1e-9) * step
	var a axis
	for i := range int(math.Round((high-low)/step)) + 1 {
		v := low + float64(i)*step
		a.ticks = append(a.ticks, tick{v, s.label(v, digits)})
	}
	a.share = func(v float64) float64 { return (v - low) / (high - low) }
	return a
}

// niceStep returns the smallest step >= least that is 1, 2 or 5 times a power of ten, and the decimals it needs.
func niceStep(least float64) (step float64, digits int) {
	exponent := math.Floor(math.Log10(least))
	for _, m := range []float64{1, 2, 5, 10} {
		if step = m * math.Pow(10, exponent); step >= least*(1-1e-9) {
			if m == 10 {
				exponent++
			}
			break
		}
	}
	return step, max(0, int(-exponent))
}

func (s Scale) logAxis(values []float64) axis {
	low, high, floor := math.Inf(1), math.Inf(-1), 0.0
	for _, v := range values {
		switch {
		case !Finite(v):
		case v < Least:
			floor = lane
		default:
			low, high = min(low, v), max(high, v)
		}
	}
	if low > high {
		low, high = 0.001, 0.1
	}
	ticks := logTicks(low, high)
	var a axis
	if floor > 0 {
		a.ticks = append(a.ticks, tick{0, "≈ 0"})
	}
	for _, v := range ticks {
		a.ticks = append(a.ticks, tick{v, s.label(v, 0)})
	}
	from, to := math.Log(ticks[0]), math.Log(ticks[len(ticks)-1])
	a.share = func(v float64) float64 {
		if v < Least {
			return 0
		}
		return floor + (1-floor)*max(0, (math.Log(v)-from)/(to-from))
	}
	return a
}

// logTicks returns at least two ticks that cover low to high. They are 1, 2 and 5 times powers of ten, or powers of
// ten, or every n-th of those, whatever gives few enough.
func logTicks(low, high float64) []float64 {
	first, last := int(math.Floor(math.Log10(low)+1e-9)), int(math.Ceil(math.Log10(high)-1e-9))
	last = max(last, first+1)
	every := (last - first + 7) / 8
	multiples := []float64{1}
	if last-first <= 2 {
		multiples = []float64{1, 2, 5}
	}
	var ticks []float64
	for e := first; ; e += every {
		for _, m := range multiples {
			v, err := strconv.ParseFloat(strconv.Itoa(int(m))+"e"+strconv.Itoa(e), 64)
			if err != nil {
				return ticks
			}
			if v <= low*(1+1e-9) {
				ticks = ticks[:0] // only the last one at or below low is wanted
			}
			ticks = append(ticks, v)
			if v >= high*(1-1e-9) && len(ticks) > 1 {
				return ticks
			}
		}
	}
}

// abscissa is the logarithmic x axis, with a tick at every x that has a point.
type abscissa struct {
	values    []float64 // ascending, distinct
	low, high float64   // logarithms
	marked    float64
}

func newAbscissa(c Chart) abscissa {
	a := abscissa{marked: c.Mark.X}
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
		return (left + right) / 2.0
	}
	return left + inset + (right-left-2*inset)*(math.Log(x)-a.low)/(a.high-a.low)
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
	line(b, "base", left, bottom, right, bottom)
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
	text(b, "name middle", (left+right)/2.0, Height-6, name)
}
