package upstream

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"sort"
	"strings"

	"github.com/fh-ollama/fh-ollama/plugin/build"
)

// Finding is a Reliance that does not hold.
type Finding struct {
	Reliance
	Detail string // how the source differs
}

// treesOf returns the unpatched sources of a build, by name.
func treesOf(b *build.Builder) map[string]fs.FS {
	return map[string]fs.FS{"ollama": os.DirFS(b.Ollama.Dir), "llama.cpp": os.DirFS(b.LlamaCpp.Dir)}
}

// compare returns the reliances that do not hold in trees of sources, which have names. The error is from reading.
func compare(trees map[string]fs.FS, list []Reliance) (findings []Finding, err error) {
	for _, r := range list {
		tree, name, _ := strings.Cut(r.File, "/")
		if trees[tree] == nil {
			return nil, fmt.Errorf("there is no source %q for %s", tree, r.What)
		}
		source, err := read(trees[tree], strings.TrimSuffix(name, "/"))
		detail := "it does not exist"
		if err == nil {
			detail = r.differs(source)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if detail != "" {
			findings = append(findings, Finding{r, detail})
		}
	}
	return findings, nil
}

// read returns the text of a file, or of all files in a folder.
func read(tree fs.FS, name string) (string, error) {
	var all strings.Builder
	err := fs.WalkDir(tree, name, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := fs.ReadFile(tree, name)
		all.Write(text)
		return err
	})
	return all.String(), err
}

// differs returns how a source differs from what is relied on, "" if it does not.
func (r Reliance) differs(source string) string {
	switch {
	case r.Declaration != "":
		return absent(code(source), code(r.Declaration))
	case r.Times > 0:
		if n := strings.Count(normal(source), normal(r.Texts[0])); n != r.Times {
			return fmt.Sprintf("%d times `%s`, not %d", n, r.Texts[0], r.Times)
		}
		return ""
	}
	rest := normal(source)
	for i, text := range r.Texts {
		_, after, found := strings.Cut(rest, normal(text))
		if !found && strings.Contains(normal(source), normal(text)) {
			return fmt.Sprintf("`%s` does not come after `%s`", text, r.Texts[i-1])
		}
		if !found {
			return absent(source, text)
		}
		rest = after
	}
	return ""
}

var (
	comment   = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	directive = regexp.MustCompile(`(?m)^[ \t]*#.*(\\\n.*)*$`)
	gap       = regexp.MustCompile(`\)[ \t]+\(`)
)

// code drops comments, preprocessor directives and blanks between brackets. Line numbers stay the same.
func code(source string) string {
	onlyNewlines := func(text string) string { return strings.Repeat("\n", strings.Count(text, "\n")) }
	source = directive.ReplaceAllStringFunc(comment.ReplaceAllStringFunc(source, onlyNewlines), onlyNewlines)
	return gap.ReplaceAllString(source, ")(")
}

// normal replaces every run of white space by one space.
func normal(text string) string { return strings.Join(strings.Fields(text), " ") }

// minSimilar is the length in bytes of a common prefix below which texts count as unrelated.
const minSimilar = 16

// absent returns "" if text is in source, up to white space. Otherwise it names the line where source differs from text,
// after the longest prefix of text that it has.
func absent(source, text string) string {
	whole, text := normal(source), normal(text)
	same := sort.Search(len(text), func(n int) bool { return !strings.Contains(whole, text[:n+1]) })
	switch {
	case same == len(text):
		return ""
	case same < minSimilar:
		line, _, _ := strings.Cut(text, ";")
		return fmt.Sprintf("there is no `%s`", line)
	}
	begin := strings.LastIndexAny(text[:same], "{;,") + 1 // of the part that differs
	part, _, _ := strings.Cut(text[begin:], ";")
	// words of source up to the one that differs
	words := len(strings.Fields(whole[:strings.Index(whole, text[:same])+same] + "x"))
	for number, line := range strings.Split(source, "\n") {
		if words -= len(strings.Fields(line)); words <= 0 {
			return fmt.Sprintf("line %d: `%s`, not `%s`", number+1, strings.TrimSpace(line), strings.TrimSpace(part))
		}
	}
	return ""
}
