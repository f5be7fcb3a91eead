package chart

import (
	_ "embed"
	"fmt"
	"html"
	"strings"
)

// Bars is a picture of its own: horizontal bars in groups. Each group has its scale, from 0 on.
type Bars struct {
	Title  string
	Notes  []string // lines below the title
	Series []string // names, for the legend
	Bar    string   // what an interval is, for the legend
	Mark   string   // what a mark is, for the legend
	Groups []BarGroup
}

// BarGroup is a number of bars that are compared.
type BarGroup struct {
	Name string
	Bars []Bar
}

// Bar is one value, with an interval where Low < High, and another value to compare it with where Mark is not 0. Of an
// interval that goes far beyond all values the end is not shown.
type Bar struct {
	Heading          string // left of the label, "" for that of the bar above
	Label            string
	Series           int // from 0
	Value, Low, High float64
	Mark             float64
	Text             string // behind the bar
}

// Places in a picture of bars, in pixels.
const (
	barsWidth = 760
	margin    = 20
	labelEnd  = 200 // of the labels, right-aligned
	barsLeft  = 210
	barsRight = 560 // of the longest
	barDepth  = 16
	rowDepth  = 20
	blockGap  = 6 // before a bar with a heading

	farBeyond = 1.4 // times the largest value or mark
	textDepth = 19
)

//go:embed bars.css
var barsStyle string

// SVG returns the drawing as a document, with colours for light and dark. All text in it is escaped.
func (c Bars) SVG() string {
	var b strings.Builder
	y := float64(margin)
	write := func(class string, depth float64, s string) {
		y += depth
		text(&b, class, margin, y-4, s)
	}
	write("title", 22, c.Title)
	for _, note := range c.Notes {
		write("note", textDepth, note)
	}
	y += rowDepth + 4
	c.legend(&b, y)
	for _, g := range c.Groups {
		y += 14
		write("group", textDepth, g.Name)
		y = g.draw(&b, y+3)
	}
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %[1]d %.[2]f" role="img" aria-label="%s">`+"\n",
		barsWidth, y+margin, html.EscapeString(c.Title))
	return head + "<style>\n" + barsStyle + "</style>\n" + fmt.Sprintf(`<rect class="paper" width="%d" height="%.0f"/>`+"\n", barsWidth, y+margin) +
		b.String() + "</svg>\n"
}

// legend draws what the picture's signs mean, in one line with its base at y.
func (c Bars) legend(b *strings.Builder, y float64) {
	x := float64(margin)
	entry := func(sign, name string) {
		b.WriteString(sign)
		text(b, "note", x+22, y, name)
		x += 22 + width(name) + 24
	}
	for i, name := range c.Series {
		entry(rect(i, x, y-11, 16, 12), name)
	}
	if c.Bar != "" {
		entry(whisker(x, x+16, y-5), c.Bar)
	}
	if c.Mark != "" {
		entry(mark(x+8, y-12, y+2), c.Mark)
	}
}

// draw draws the bars from y on and returns where they end.
func (g BarGroup) draw(b *strings.Builder, y float64) float64 {
	least, most := 0.0, 0.0
	for _, bar := range g.Bars {
		least, most = max(least, bar.Value, bar.Mark), max(most, bar.Value, bar.Mark, bar.High)
	}
	most = min(most, farBeyond*least)
	at := func(v float64) float64 { return barsLeft + (barsRight-barsLeft)*v/max(most, 1e-300) }
	top := y
	for i, bar := range g.Bars {
		if i > 0 && bar.Heading != "" {
			y += blockGap
		}
		middle, base := y+barDepth/2, y+barDepth-4
		text(b, "label", margin, base, bar.Heading)
		text(b, "label end", labelEnd, base, bar.Label)
		b.WriteString(rect(bar.Series, barsLeft, y, at(bar.Value)-barsLeft, barDepth))
		end := at(bar.Value)
		if bar.Mark != 0 {
			b.WriteString(mark(at(bar.Mark), y-1, y+barDepth+1))
			end = max(end, at(bar.Mark))
		}
		if bar.Low < bar.High {
			b.WriteString(whisker(at(bar.Low), at(bar.High), middle))
			end = max(end, min(at(bar.High), barsRight))
		}
		text(b, "value", end+8, base, bar.Text)
		y += rowDepth
	}
	line(b, "base", barsLeft, top-2, barsLeft, y-rowDepth+barDepth+2)
	return y
}

func rect(series int, x, y, width, height float64) string {
	return fmt.Sprintf(`<rect class="s%d" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`+"\n", series+1, x, y, width, height)
}

// whisker is an interval with ends, of which those behind barsRight are out of the picture.
func whisker(low, high, y float64) string {
	d := fmt.Sprintf("M%.1f,%.1fv8m0,-4H%.1f", min(low, barsRight), y-4, min(high, barsRight))
	if high <= barsRight {
		d += "m0,-4v8"
	}
	return `<path class="bar" d="` + d + `"/>` + "\n"
}

func mark(x, y1, y2 float64) string {
	return fmt.Sprintf(`<line class="mark" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", x, y1, x, y2)
}
