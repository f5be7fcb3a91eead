package upstream

import (
	"regexp"
	"slices"
	"strings"
)

// A small parser for C and C++ declarations. It knows brackets and comments, but neither macros nor types, which is
// enough for headers that compile.

var (
	comment      = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	directive    = regexp.MustCompile(`(?m)^[ \t]*#.*(\\\n.*)*$`)
	access       = regexp.MustCompile(`\b(public|private|protected)\s*:`)
	templateArgs = regexp.MustCompile(`<[^<>;=]*>`)
	initialiser  = regexp.MustCompile(`=[^,]*`)
	scope        = regexp.MustCompile(`\w+::`)
	identifier   = regexp.MustCompile(`[A-Za-z_]\w*`)
)

// onlyNewlines keeps only the newlines of text, so that line numbers stay the same.
func onlyNewlines(text string) string { return strings.Repeat("\n", strings.Count(text, "\n")) }

// code blanks out comments and preprocessor directives.
func code(source string) string {
	return directive.ReplaceAllStringFunc(comment.ReplaceAllStringFunc(source, onlyNewlines), onlyNewlines)
}

// closing returns the index after the bracket that closes source[open], or -1.
func closing(source string, open int) int {
	depth := 0
	for i := open; i < len(source); i++ {
		switch source[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// body returns what is between the braces of the definition that head matches, and the line where the definition
// begins. The match of head must end with the opening brace.
func body(source string, head *regexp.Regexp) (text string, line int, ok bool) {
	source = code(source)
	at := head.FindStringIndex(source)
	if at == nil {
		return "", 0, false
	}
	end := closing(source, at[1]-1)
	if end < 0 {
		return "", 0, false
	}
	return source[at[1] : end-1], 1 + strings.Count(source[:at[0]], "\n"), true
}

func structBody(source, name string) (text string, line int, ok bool) {
	head := `\b(struct|class)\s+(\w+\s+)?` + regexp.QuoteMeta(name) + `\s*(final\s*)?(:[^{};]*)?\{`
	return body(source, regexp.MustCompile(head))
}

func enumBody(source, name string) (text string, line int, ok bool) {
	return body(source, regexp.MustCompile(`\benum\s+(class\s+)?`+regexp.QuoteMeta(name)+`\s*(:[^{};]*)?\{`))
}

// declarations splits the body of a struct. It drops what is in brackets, except for the names of function pointers.
func declarations(body string) (list []string) {
	var text strings.Builder
	end := func() {
		if d := strings.TrimSpace(text.String()); d != "" {
			list = append(list, d)
		}
		text.Reset()
	}
	for i := 0; i < len(body); i++ {
		switch c := body[i]; c {
		case ';':
			end()
		case '(', '[', '{':
			close := closing(body, i)
			if close < 0 {
				close = len(body)
			}
			inner := strings.TrimSpace(body[i+1 : max(i+1, close-1)])
			rest := strings.TrimLeft(body[close:], " \t\n\r")
			switch {
			case c == '(' && strings.HasPrefix(inner, "*"):
				text.WriteString(strings.TrimLeft(inner, "* "))
			case c == '(':
				text.WriteString("()")
			case c == '{' && !continues(text.String(), rest):
				end() // the body of a function
			}
			i = close - 1
		default:
			text.WriteByte(c)
		}
	}
	end()
	return list
}

// continues reports whether a declaration goes on after its braces, where rest follows.
func continues(declaration, rest string) bool {
	if rest == "" || strings.ContainsAny(rest[:1], ";,") {
		return true
	}
	first := identifier.FindString(declaration)
	return first == "struct" || first == "union" || first == "enum" || first == "class"
}

// membersOf returns the names that a struct's body declares, methods included, in order.
func membersOf(body string) (names []string) {
	for _, d := range declarations(access.ReplaceAllString(body, "")) {
		for plain := templateArgs.ReplaceAllString(d, ""); plain != d; plain = templateArgs.ReplaceAllString(d, "") {
			d = plain
		}
		d = scope.ReplaceAllString(initialiser.ReplaceAllString(d, ""), "")
		for piece := range strings.SplitSeq(d, ",") {
			piece, _, _ = strings.Cut(piece, "()")
			piece, _, _ = strings.Cut(piece, ":") // of a bit field
			if words := identifier.FindAllString(piece, -1); len(words) > 0 {
				names = append(names, words[len(words)-1])
			}
		}
	}
	return names
}

// enumerators returns the names in an enum's body in order, as NAME or NAME=VALUE.
func enumerators(body string) (names []string) {
	for entry := range strings.SplitSeq(body, ",") {
		if entry = strings.Join(strings.Fields(entry), ""); entry != "" {
			names = append(names, entry)
		}
	}
	return names
}

// nameOf strips the value from an enumerator.
func nameOf(enumerator string) string {
	name, _, _ := strings.Cut(enumerator, "=")
	return name
}

// missing returns the names in want that are not in have.
func missing(want, have []string) (list []string) {
	for _, name := range want {
		if !slices.Contains(have, name) {
			list = append(list, name)
		}
	}
	return list
}
