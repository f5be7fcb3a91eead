package upstream

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

const doc = `# Things

| a table | of another kind |
|---|---|
| is left | alone |

### Structs

| file | struct | members |
|---|---|---|
| x/a.h | ` + "`thing_i` | `name  call  ne kind`" + ` |

### Members

| for | file | struct | members |
|---|---|---|---|
| 001 | x/a.hpp | ` + "`model` | `output build`" + ` |

### Enums

| for | file | enum | names | what |
|---|---|---|---|---|
| 002 | x/a.h | ` + "`op` | `OP_GLU=7 OP_COUNT`" + ` | ours goes between |

### Texts

| what | file | as it stands there |
|---|---|---|
| version | x/a.h | ` + "`VERSION 2`" + ` |
| order | x/src/c.cpp | ` + "`first(a \\|\\| b);` `second();`" + ` |

### Counts

| what | file | as it stands there | times |
|---|---|---|---|
| calls | x/src/c.cpp | ` + "`second();`" + ` | 2 |
| calls anywhere | x/src/ | ` + "`second();`" + ` | 3 |
`

var sound = map[string]string{
	"a.h": `
#define VERSION 2
enum op { OP_NONE, OP_GLU = 7, // the last
	OP_COUNT, };
struct thing_i {
	const char * name; // int old;
	/* (optional) */ bool (*call) (thing_t t, int (*f)(void));
	int64_t ne[4];
	enum thing_kind kind;
};`,
	"a.hpp": `
struct model; // declared first
class API model final : public base<model> {
public:
	explicit model(int n) : n(n) { int hidden; }
	virtual graph * build(const params & p) const = 0;
	std::map<int, tensor *> by_name, by_id;
#if OLD
	int bits : 3;
#endif
	tensor * output = nullptr;
private:
	struct impl { int inner; };
	std::unique_ptr<impl> pimpl = make(1, 2);
};`,
	"src/c.cpp": "void f() {\n\tfirst(a\n\t    || b); other(); second();\n\tsecond();\n}",
	"src/d.cpp": "second();",
}

// tree is the sound one with the changes.
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

// failing returns, of a tree, what does not hold: "WHAT: STATE: DETAIL".
func failing(t *testing.T, trees map[string]fs.FS) (list []string) {
	t.Helper()
	items, err := Read(doc)
	if err != nil || len(items) != 7 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	checker := NewChecker(trees)
	for _, it := range items {
		f, err := checker.Check(it)
		if err != nil {
			t.Fatal(err)
		}
		if f.State != OK {
			list = append(list, it.What+": "+string(f.State)+": "+f.Detail)
		}
	}
	return list
}

func TestEverythingHoldsInASoundTree(t *testing.T) {
	if list := failing(t, changedTree(nil)); len(list) > 0 {
		t.Errorf("%q", list)
	}
}

func TestItemsSayWhomTheyAreFor(t *testing.T) {
	items, err := Read(doc)
	if err != nil {
		t.Fatal(err)
	}
	if it := items[2]; it.For != "002" || it.What != "enum op: ours goes between" || it.Place() != "x/a.h" {
		t.Errorf("%+v", it)
	}
}

func TestPlantedChangesAreNamed(t *testing.T) {
	for _, p := range []struct{ file, old, new, want string }{
		{"a.h", "int64_t ne[4];", "", "struct thing_i: changed: line 5: struct thing_i has no ne"},
		{"a.h", "const char * name;", "const char * name; int added;", "struct thing_i: changed: line 5: struct thing_i has also added"},
		{"a.h", "int64_t ne[4];\n\tenum thing_kind kind;", "enum thing_kind kind; int64_t ne[4];", "struct thing_i: changed: line 5: struct thing_i has the order name call kind ne"},
		{"a.h", "thing_i", "thing_j", "struct thing_i: gone: there is no struct thing_i"},
		{"a.h", "VERSION 2", "VERSION 3", "version: gone: there is no `VERSION 2`"},
		{"a.h", "OP_GLU = 7", "OP_GLU = 7, OP_NEW", "enum op: ours goes between: changed: line 3: in enum op comes OP_NEW after OP_GLU, not OP_COUNT"},
		{"a.h", "OP_GLU = 7", "OP_GLU = 8", "enum op: ours goes between: changed: line 3: enum op has OP_GLU=8, not OP_GLU=7"},
		{"a.h", "OP_COUNT", "", "enum op: ours goes between: changed: line 3: in enum op comes nothing after OP_GLU, not OP_COUNT"},
		{"a.h", "enum op {", "enum class ops {", "enum op: ours goes between: gone: there is no enum op"},
		{"a.hpp", "tensor * output = nullptr;", "tensor * head = output();", "struct model: changed: line 3: struct model has no output"},
		{"a.hpp", "build(const params & p)", "make(const build & p)", "struct model: changed: line 3: struct model has no build"},
		{"src/c.cpp", "first(a\n\t    || b); ", "", "order: gone: there is no `first(a || b);`"},
		{"src/c.cpp", "second();\n\tsecond();", "", "order: changed: there is no `second();`"},
		{"src/c.cpp", "first(a\n\t    || b); other(); second();\n\tsecond();", "second();\n\tsecond();\n\tfirst(a || b);", "order: changed: line 2: `second();` does not come after `first(a || b);`"},
		{"src/c.cpp", "\n\tsecond();\n", "", "calls: changed: line 3: 1 times `second();`, not 2"},
		{"src/d.cpp", "second();", "second(); second();", "calls anywhere: changed: 4 times `second();`, not 3: src/c.cpp:3, src/d.cpp:1"},
	} {
		changed := strings.Replace(sound[p.file], p.old, p.new, 1)
		if changed == sound[p.file] {
			t.Fatalf("%q is not there to be changed", p.old)
		}
		found := false
		list := failing(t, changedTree(map[string]string{p.file: changed}))
		for _, f := range list {
			found = found || f == p.want
		}
		if !found {
			t.Errorf("%q for %q: not %q but %q", p.new, p.old, p.want, list)
		}
	}
}

func TestWhatMovedIsFound(t *testing.T) {
	list := failing(t, changedTree(map[string]string{"a.h": "", "include/new.h": "\n" + sound["a.h"]}))
	want := []string{
		"struct thing_i: moved: now in include/new.h:6",
		"enum op: ours goes between: moved: now in include/new.h:4",
		"version: moved: now in include/new.h:3",
	}
	if strings.Join(list, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q", list)
	}
	trees := changedTree(nil)
	delete(trees["x"].(fstest.MapFS), "a.hpp")
	if list := failing(t, trees); len(list) != 1 || list[0] != "struct model: gone: there is no such file" {
		t.Errorf("%q", list)
	}
}

// A limit that changed is more use than "gone".
func TestTheNearestLineIsTold(t *testing.T) {
	v := textFact{"if (n_candidates <= 128) { sort(all); }"}.check("void f() {\n\tif (n_candidates <= 256) {\n\t\tsort(all);\n\t}\n}")
	if v.holds || !v.there || v.line != 2 || !strings.Contains(v.detail, "line 2 has `if (n_candidates <= 256) {`") {
		t.Errorf("%+v", v)
	}
}

func TestRowsThatAreNotUnderstood(t *testing.T) {
	for _, bad := range []string{
		"### Texts\n| what | file | as it stands there |\n|-|-|-|\n| no | x/code | here |",
		"### Texts\n| what | file | as it stands there |\n|-|-|-|\n| no | file | `here` |",
		"### Other\n| what | file | as it stands there |\n|-|-|-|\n| x | y/z | `z` |",
		"### Structs\n| file | struct | members |\n|-|-|-|\n| x/y | `a` | b |",
		"### Enums\n| file | enum | names |\n|-|-|-|\n| x/y | `a` |",
		"### Counts\n| file | as it stands there | times |\n|-|-|-|\n| x/y | `a` | often |",
	} {
		if _, err := Read(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	items, err := Read("### Texts\n| what | file | as it stands there |\n|-|-|-|\n| x | y/z | `z` |")
	if err != nil || len(items) != 1 {
		t.Fatal(items, err)
	}
	if _, err := NewChecker(changedTree(nil)).Check(items[0]); err == nil {
		t.Error("a tree that is not there was checked")
	}
}
