package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/fh-ollama/fh-ollama/internal/chart"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

// missing stands for a value that was not measured.
const missing = "–"

// percent formats a share. Only exactly 1 is 100 %, and only exactly 0 is 0 %.
func percent(share float64) string {
	const rounding = 1e-9 // of means and sums
	switch s := fmt.Sprintf("%.2f", 100*share); {
	case math.IsNaN(share) || math.IsInf(share, 0):
		return missing
	case math.Abs(share-1) < rounding:
		return "100\u00a0%"
	case math.Abs(share) < rounding:
		return "0\u00a0%"
	case share < 1 && s == "100.00":
		return ">\u00a099.99\u00a0%"
	case share > 0 && s == "0.00":
		return "<\u00a00.01\u00a0%"
	default:
		return s + "\u00a0%"
	}
}

// interval formats the 95 % confidence interval of a share.
func interval(p statistics.Proportion) string {
	low, high := p.Interval()
	return fmt.Sprintf("%.2f to\u00a0%.2f", 100*low, 100*high)
}

// number formats three significant digits, without an exponent while that is readable.
func number(v float64) string { return significant(v, 3) }

func significant(v float64, digits int) string {
	size := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return missing
	case math.IsInf(v, 0):
		return strings.Replace(strconv.FormatFloat(v, 'g', -1, 64), "Inf", "∞", 1)
	case v == 0:
		return "0"
	case size < chart.Least:
		return "≈\u00a00"
	case size >= 1e9:
		return strconv.FormatFloat(v, 'g', digits, 64)
	}
	decimals := max(0, digits-1-int(math.Floor(math.Log10(size))))
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// bytes formats a size in decimal units, like inspect.
func bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < len(units)-1 {
		v, unit = v/1000, unit+1
	}
	return significant(v, 3) + "\u00a0" + units[unit]
}

// visible makes any bytes displayable: a continuation may end within a character or contain control characters.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ':
			return '\u2400' + r
		case r == 0x7f:
			return '\u2421'
		case unicode.Is(unicode.Cc, r) || r == 0xfffe || r == 0xffff:
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}
