package tree

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

const threeFiles = `diff --git a/src/graph.cpp b/src/graph.cpp
index 1..2 100644
--- a/src/graph.cpp
+++ b/src/graph.cpp
@@ -1,2 +1,3 @@
 int a;
+int new;
 int b;
@@ -4,2 +5,3 @@ void other() {
 int d;
+begin();
 int e;
@@ -7,2 +9,2 @@
 int g;
-int h;
+end();
diff --git a/other.c b/other.c
--- a/other.c
+++ b/other.c
@@ -1 +1,2 @@
 int x;
+int y;
\ No newline at end of file
--- a/gone.c
+++ b/gone.c
@@ -1 +1,2 @@
 int x;
+int y;
`

func TestHunksSayHowTheyApply(t *testing.T) {
	p, dir := testPatcher(t), t.TempDir()
	before := map[string]string{"other.c": "int x;\n",
		"src/graph.cpp": "int a;\nint b;\nint c;\nint d;\nint E;\n// more\n// and more\nint f;\nint g;\nint h;\n"}
	if _, err := plan(t, before).Sync(dir); err != nil {
		t.Fatal(err)
	}
	hunks, err := p.Try(t.Context(), dir, Patch{"001.patch", []byte(threeFiles)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range hunks {
		got = append(got, fmt.Sprintf("%s %d %s: %s", h.File, h.Number, h.State, h.Detail))
	}
	want := []string{
		"src/graph.cpp 1 applies: ",
		"src/graph.cpp 2 does not apply: was at line 4",
		"src/graph.cpp 3 applies with an offset: line 10 (offset 1 line)",
		"other.c 1 applies: ",
		"gone.c 1 does not apply: No such file or directory",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	after := plugintest.OnDisk(t, dir)
	source, rest := after["src/graph.cpp"], after["src/graph.cpp.001.patch.rej"]
	if strings.Contains(source, "begin") || !strings.Contains(source, "end") || !strings.Contains(rest, "begin") ||
		strings.Contains(rest, "end") || len(after) != 3 {
		t.Errorf("%q", after)
	}
	if hunks, err = p.Try(t.Context(), dir, Patch{"002", []byte(threeFiles[:len(threeFiles)-8])}); err != nil ||
		slices.ContainsFunc(hunks, func(h Hunk) bool { return h.State != HunkRejected }) {
		t.Errorf("a damaged patch: %+v, %v", hunks, err)
	}
}
