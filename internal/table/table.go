// Package table writes tables, as aligned text for a terminal or as Markdown for a document.
package table

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Table collects rows.
type Table struct {
	align string
	heads []string
	rows  [][]string
}

// New returns a table without rows. align has one letter for each column: l or r. Text breaks a head at its "\n".
func New(align string, heads ...string) *Table { return &Table{align: align, heads: heads} }

// Row adds a row of as many cells as there are heads.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, cells) }

// Text returns the table in columns, two spaces apart. Heads stand on the bottom line of the header.
func (t *Table) Text() string {
	lines := append(t.header(), t.rows...)
	widths := make([]int, len(t.heads))
	for _, cells := range lines {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, cells := range lines {
		line := ""
		for i, cell := range cells {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if t.align[i] == 'r' {
				cell = space + cell
			} else {
				cell += space
			}
			line += cell + "  "
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// header returns the heads as lines of cells.
func (t *Table) header() [][]string {
	depth := 0
	for _, head := range t.heads {
		depth = max(depth, 1+strings.Count(head, "\n"))
	}
	lines := make([][]string, depth)
	for _, head := range t.heads {
		parts := strings.Split(head, "\n")
		for i := range lines {
			part := ""
			if at := i - depth + len(parts); at >= 0 {
				part = parts[at]
			}
			lines[i] = append(lines[i], part)
		}
	}
	return lines
}

// Markdown returns the table as Markdown; cells may hold any text.
func (t *Table) Markdown() string {
	var b strings.Builder
	rule := make([]string, len(t.heads))
	for i := range rule {
		rule[i] = map[byte]string{'l': "---", 'r': "---:"}[t.align[i]]
	}
	for _, cells := range append([][]string{t.heads, rule}, t.rows...) {
		escaped := make([]string, len(cells))
		for i, cell := range cells {
			escaped[i] = strings.NewReplacer("|", `\|`, "\n", " ").Replace(cell)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(escaped, " | "))
	}
	return b.String()
}
