package upstream

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const relied = `
[[001]]
what = "version"
file = "x/a.h"
texts = ["VERSION 2"]

[[001]]
what = "order"
file = "x/src/c.cpp"
texts = ["first(a || b);", "second();"]

[[002]]
what = "ours goes between"
file = "x/a.h"
declaration = 'OP_GLU_LAST = 7, OP_COUNT,'

[[002]]
file = "x/a.h"
declaration = '''
  struct thing_i { const char * name; bool (*call)(thing_t t, int (*f)(void)); int64_t ne[4];
  enum thing_kind kind; };
'''

[[plug-in]]
what = "calls"
file = "x/src/c.cpp"
texts = ["second();"]
times = 2

[[plug-in]]
what = "limit"
file = "x/src/d.cpp"
texts = ["if (n_candidates <= 128) { sort(all); }"]

[[plug-in]]
what = "calls anywhere"
file = "x/src/"
texts = ["second();"]
times = 3
`

// reliancesOf reads text as relies.toml.
func reliancesOf(text string) ([]Reliance, error) {
	return readReliances(fstest.MapFS{"relies.toml": {Data: []byte(text)}})
}

var sound = map[string]string{
	"a.h": `
#define VERSION 2
enum op { OP_NONE, OP_GLU_LAST = 7, // the last
	OP_COUNT, };
struct thing_i {
	const char * name; // int old;
#if OLD
	/* (optional) */ bool (*call) (thing_t t, int (*f)(void));
#endif
	int64_t ne[4];
	enum thing_kind kind;
};`,
	"src/c.cpp": "void f() {\n\tfirst(a\n\t    || b); other(); second();\n\tsecond();\n}",
	"src/d.cpp": "second();\n\tif (n_candidates <= 128) {\n\t\tsort(all);\n\t}",
}

// changedTree is the sound tree with changes.
func changedTree(changes map[string]string) map[string]fs.FS {
	files := fstest.MapFS{}
	for name, source := range sound {
		files[name] = &fstest.MapFile{Data: []byte(source)}
	}
	for name, source := range changes {
		files[name] = &fstest.MapFile{Data: []byte(source)}
	}
	return map[string]fs.FS{"x": files}
}

// failing returns what does not hold in trees, as "WHAT: DETAIL".
func failing(t *testing.T, trees map[string]fs.FS) (list []string) {
	t.Helper()
	relies, err := reliancesOf(relied)
	if err != nil || len(relies) != 7 || relies[2].For != "002" || relies[2].File != "x/a.h" {
		t.Fatalf("%+v, %v", relies, err)
	}
	findings, err := compare(trees, relies)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		list = append(list, f.What+": "+f.Detail)
	}
	return list
}

func TestEverythingHoldsInASoundTree(t *testing.T) {
	if list := failing(t, changedTree(nil)); len(list) > 0 {
		t.Errorf("%q", list)
	}
}

func TestPlantedChangesAreNamed(t *testing.T) {
	for _, p := range []struct{ file, old, new, want string }{
		{"a.h", "int64_t ne[4];", "", "struct thing_i: line 11: `enum thing_kind kind;`, not `int64_t ne[4]`"},
		{"a.h", "const char * name;", "const char * name; int added;",
			"struct thing_i: line 6: `const char * name; int added;`, not `bool (*call)(thing_t t, int (*f)(void))`"},
		{"a.h", "int64_t ne[4];\n\tenum thing_kind kind;", "enum thing_kind kind; int64_t ne[4];",
			"struct thing_i: line 10: `enum thing_kind kind; int64_t ne[4];`, not `int64_t ne[4]`"},
		{"a.h", "thing_i", "thing_j", "struct thing_i: there is no `struct thing_i { const char * name`"},
		{"a.h", "VERSION 2", "VERSION 3", "version: there is no `VERSION 2`"},
		{"a.h", "OP_GLU_LAST = 7", "OP_GLU_LAST = 7, OP_NEW",
			"ours goes between: line 3: `enum op { OP_NONE, OP_GLU_LAST = 7, OP_NEW,`, not `OP_COUNT,`"},
		{"a.h", "OP_GLU_LAST = 7", "OP_GLU_LAST = 8", "ours goes between: there is no `OP_GLU_LAST = 7, OP_COUNT,`"},
		{"src/c.cpp", "first(a\n\t    || b); ", "", "order: there is no `first(a || b)`"},
		{"src/c.cpp", "second();\n\tsecond();", "", "order: there is no `second()`"},
		{"src/c.cpp", "first(a\n\t    || b); other(); second();\n\tsecond();", "second();\n\tsecond();\n\tfirst(a || b);",
			"order: `second();` does not come after `first(a || b);`"},
		{"src/c.cpp", "\n\tsecond();\n", "", "calls: 1 times `second();`, not 2"},
		{"src/d.cpp", "second();", "second(); second();", "calls anywhere: 4 times `second();`, not 3"},
		{"src/d.cpp", "n_candidates <= 128", "n_candidates <= 256",
			"limit: line 2: `if (n_candidates <= 256) {`, not `if (n_candidates <= 128) { sort(all)`"},
	} {
		changed := strings.Replace(sound[p.file], p.old, p.new, 1)
		if changed == sound[p.file] {
			t.Fatalf("%q is not there to be changed", p.old)
		}
		list := failing(t, changedTree(map[string]string{p.file: changed}))
		if !slices.Contains(list, p.want) {
			t.Errorf("%q for %q: not %q but %q", p.new, p.old, p.want, list)
		}
	}
	trees := changedTree(nil)
	delete(trees["x"].(fstest.MapFS), "a.h")
	if list := failing(t, trees); len(list) != 3 || list[2] != "struct thing_i: it does not exist" {
		t.Errorf("%q", list)
	}
}

func TestReliancesThatAreNotUnderstood(t *testing.T) {
	for _, bad := range []string{
		`file = "x/y"`,
		`texts = ["z"]`,
		`file = "x"` + "\n" + `texts = ["z"]`,
		`file = "x/y"` + "\n" + `texts = ["z", "z"]` + "\ntimes = 2",
		`file = "x/y"` + "\n" + `declaration = "a"`,
		`file = "x/y"` + "\n" + `texts = ["z"]` + "\nkind = 1",
	} {
		if _, err := reliancesOf("[[001]]\n" + bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	list, err := reliancesOf("[[001]]\nfile = \"other/z\"\ntexts = [\"z\"]")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compare(changedTree(nil), list); err == nil {
		t.Error("a source that is not there was checked")
	}
}
