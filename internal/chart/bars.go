package chart

import (
	_ "embed"
	"fmt"
	"html"
	"strings"
)

// Bars is a chart of horizontal bars in groups. Each group has its own scale, which starts at 0.
type Bars struct {
	Title  string
	Notes  []string // lines below the title
	Series []string // names, for the legend
	Bar    string   // meaning of an interval, for the legend
	Mark   string   // meaning of a mark, for the legend
	Groups []BarGroup
}

// BarGroup is bars on one scale.
type BarGroup struct {
	Name string
	Bars []Bar
}

// Bar is one value, with an interval if Low < High and a mark unless Mark is 0. An interval that ends far beyond all
// values is cut off.
type Bar struct {
	Heading          string // left of the label; "": that of the bar above
	Label            string
	Series           int // from 0
	Value, Low, High float64
	Mark             float64
	Text             string // right of the bar
}

// Positions in pixels.
const (
	barsWidth = 760
	margin    = 20
	labelEnd  = 200 // labels are right-aligned here
	barsLeft  = 210
	barsRight = 560 // end of the longest bar
	barDepth  = 16
	rowDepth  = 20
	blockGap  = 6 // before a bar with a heading

	farBeyond = 1.4 // of the largest value or mark; intervals are cut off there
	textDepth = 19
)

//go:embed bars.css
var barsStyle string

// SVG returns a complete document with colours for light and dark. All text in it is escaped.
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
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %[1]d %.[2]f" `+
		`role="img" aria-label="%s">`+"\n",
		barsWidth, y+margin, html.EscapeString(c.Title))
	return head + "<style>\n" + barsStyle + "</style>\n" +
		fmt.Sprintf(`<rect class="paper" width="%d" height="%.0f"/>`+"\n", barsWidth, y+margin) +
		b.String() + "</svg>\n"
}

// legend draws the legend as one line with its base line at y.
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
		line(b, "mark", x+8, y-12, x+8, y+2)
		entry("", c.Mark)
	}
}

// draw draws the bars from y downwards and returns the y where they end.
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
			line(b, "mark", at(bar.Mark), y-1, at(bar.Mark), y+barDepth+1)
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
	return fmt.Sprintf(`<rect class="s%d" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`+"\n",
		series+1, x, y, width, height)
}

// whisker draws an interval, without a cap if it is cut off at barsRight.
func whisker(low, high, y float64) string {
	d := fmt.Sprintf("M%.1f,%.1fv8m0,-4H%.1f", min(low, barsRight), y-4, min(high, barsRight))
	if high <= barsRight {
		d += "m0,-4v8"
	}
	return `<path class="bar" d="` + d + `"/>` + "\n"
}
