package plugin

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// relianceDoc lists what the plug-in relies on in sources that are not ours.
const relianceDoc = "../ggmlhead/backend/README.md"

// reliance is one row of its tables: a struct with members, or texts in this order, in a file. A file's name begins with
// that of its source.
type reliance struct {
	what, file string
	structName string
	members    []string
	texts      []string
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// spans returns the code in a cell of a table.
func spans(cell string) (code []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(strings.ReplaceAll(cell, `\|`, "|"), -1) {
		code = append(code, m[1])
	}
	return code
}

// reliances reads the tables of a document; the heading before a table says of which kind it is.
func reliances(doc string) (list []reliance, err error) {
	kind, row := "", 0
	for _, line := range strings.Split(doc, "\n") {
		if heading, ok := strings.CutPrefix(line, "#"); ok {
			kind, row = strings.Trim(heading, "# "), 0
		}
		if !strings.HasPrefix(line, "|") {
			continue
		}
		if row++; row <= 2 { // names of the columns, and the line below
			continue
		}
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", `\|`))
		}
		if len(cells) != 5 {
			return nil, fmt.Errorf("not three columns: %s", line)
		}
		r := reliance{what: cells[1], file: cells[2]}
		switch code := spans(cells[3]); {
		case kind == "Structs" && len(code) == 1 && len(spans(cells[2])) == 1:
			r.file, r.structName, r.members = cells[1], spans(cells[2])[0], strings.Fields(code[0])
			r.what = "struct " + r.structName
		case kind == "Texts" && len(code) > 0:
			r.texts = code
		default:
			return nil, fmt.Errorf("not understood, under %q: %s", kind, line)
		}
		list = append(list, r)
	}
	return list, nil
}

var (
	blockComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	white        = regexp.MustCompile(`\s+`)
	memberName   = regexp.MustCompile(`(?:\(\s*\*\s*(\w+)\s*\)\s*\(.*\)|(\w+)(?:\s*\[[^\]]*\])*)\s*$`)
)

// membersOf returns the names of the members of a struct in C source, in order.
func membersOf(source, name string) ([]string, error) {
	source = lineComment.ReplaceAllString(blockComment.ReplaceAllString(source, ""), "")
	body := regexp.MustCompile(`\bstruct\s+` + name + `\s*\{([^{}]*)\}`).FindStringSubmatch(source)
	if body == nil {
		return nil, fmt.Errorf("there is no struct %s", name)
	}
	var members []string
	for _, declaration := range strings.Split(body[1], ";") {
		declaration = strings.TrimSpace(white.ReplaceAllString(declaration, " "))
		if declaration == "" {
			continue
		}
		m := memberName.FindStringSubmatch(declaration)
		if m == nil {
			return nil, fmt.Errorf("struct %s has a member that is not understood: %s", name, declaration)
		}
		members = append(members, m[1]+m[2])
	}
	return members, nil
}

// check compares what is relied on with the source of its file.
func (r reliance) check(source string) error {
	if r.structName != "" {
		members, err := membersOf(source, r.structName)
		if err == nil && !slices.Equal(members, r.members) {
			err = fmt.Errorf("struct %s has the members %q", r.structName, members)
		}
		return err
	}
	rest := white.ReplaceAllString(source, " ")
	for _, text := range r.texts {
		_, after, found := strings.Cut(rest, white.ReplaceAllString(text, " "))
		if !found {
			return fmt.Errorf("not there, or not in this order: %s", text)
		}
		rest = after
	}
	return nil
}

// What the plug-in relies on is in the pinned sources as its README says.
func TestReliance(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the pinned sources; not with -short")
	}
	doc, err := os.ReadFile(relianceDoc)
	if err != nil {
		t.Fatal(err)
	}
	list, err := reliances(string(doc))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 40 {
		t.Errorf("only %d rows were read", len(list))
	}
	dirs := pinnedSources(t)
	for _, r := range list {
		name, file, _ := strings.Cut(r.file, "/")
		source, err := os.ReadFile(filepath.Join(dirs[name], filepath.FromSlash(file)))
		if err == nil {
			err = r.check(string(source))
		}
		if err != nil {
			t.Errorf("%s: %s: %v", r.file, r.what, err)
		}
	}
}

// pinnedSources fetches both sources, which a build has mostly done before, and returns their folders.
func pinnedSources(t *testing.T) map[string]string {
	t.Helper()
	pins := committedPins(t)
	cache, err := DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	ollama, err := fetchTestOllama(t, pins.Ollama)
	if err != nil {
		t.Fatal(err)
	}
	var llamaCpp source
	err = NewSteps(t.Output()).Do("llama.cpp", func(st *Step) (err error) {
		llamaCpp, err = fetchLlamaCpp(t.Context(), st, pins.LlamaCpp, cache, filepath.Join(t.TempDir(), "log"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"ollama": ollama.dir, "llama.cpp": llamaCpp.dir}
}

// The check finds each kind of change.
func TestRelianceFindsWhatMoved(t *testing.T) {
	const doc = "### Structs\n\n| file | struct | members |\n|---|---|---|\n" +
		"| a/b.h | `thing_i` | `name  call  ne kind` |\n\n" +
		"### Texts\n\n| what | file | as it stands there |\n|---|---|---|\n| version | a/b.h | `VERSION 2` |\n| order | a/c.cpp | `first(a \\|\\| b);` `second();` |\n"
	list, err := reliances(doc)
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	const header = `
		#define VERSION 2
		struct thing_i {
			const char * name; // int old;
			/* (optional) */ bool (*call) (thing_t t, int (*f)(void));
			int64_t ne[4];
			enum thing_kind kind;
		};`
	const code = "first(a\n    || b); other(); second();"
	for i, sound := range []string{header, header, code} {
		if err := list[i].check(sound); err != nil {
			t.Errorf("sound: %v", err)
		}
	}
	for _, planted := range []struct {
		row              int
		source, old, new string
	}{
		{0, header, "int64_t ne[4];", ""},
		{0, header, "const char * name;", "const char * name; int added;"},
		{0, header, "int64_t ne[4];\n\t\t\tenum thing_kind kind;", "enum thing_kind kind; int64_t ne[4];"},
		{0, header, "thing_i", "thing_j"},
		{1, header, "VERSION 2", "VERSION 3"},
		{2, code, "second();", ""},
		{2, "second(); " + code, "other(); second();", ""},
	} {
		changed := strings.Replace(planted.source, planted.old, planted.new, 1)
		if changed == planted.source {
			t.Fatalf("%q is not there to be changed", planted.old)
		}
		if list[planted.row].check(changed) == nil {
			t.Errorf("row %d: %q for %q was not found", planted.row, planted.new, planted.old)
		}
	}
	for _, bad := range []string{"### Texts\n| a | b | c |\n|-|-|-|\n| no | code | here |", "## Other\n| a | b | c |\n|-|-|-|\n| x | y | `z` |"} {
		if _, err := reliances(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
