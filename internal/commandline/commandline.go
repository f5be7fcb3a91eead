// Package commandline writes what a terminal shows: command lines as one would type them, and text from elsewhere.
package commandline

import (
	"regexp"
	"strings"
	"unicode"
)

var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// Quote returns word as a POSIX shell has to read it to get it back, quoted only where that is needed.
func Quote(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Printable returns text with U+FFFD in the place of what is neither to be seen nor a line's end: text may come from a
// model's file, and must not steer the terminal.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
