package tree

import (
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

const twoFiles = `diff --git a/src/graph.cpp b/src/graph.cpp
index 1..2 100644
--- a/src/graph.cpp
+++ b/src/graph.cpp
@@ -1,3 +1,4 @@
 void build() {
     cur = mul(w, h);
+    head_rewrite(gf);
 }
@@ -9,2 +10,1 @@ void other() {
--- a/not.a/header
 void end();
diff --git a/other.c b/other.c
--- a/other.c
+++ b/other.c
@@ -1 +1,2 @@
 int x;
+int y;
\ No newline at end of file
`

func TestHunksOfAPatch(t *testing.T) {
	var got []string
	for _, h := range (Patch{"001", []byte(twoFiles)}).Hunks() {
		first, _, _ := strings.Cut(h.Text, "\n")
		got = append(got, strings.Join([]string{h.File, string(rune('0' + h.Number)), string(rune('0' + h.Of)), first,
			h.added()}, "|"))
		if !strings.Contains(h.Header, "+++ b/"+h.File) || !strings.HasPrefix(h.Header, "diff --git a/"+h.File) {
			t.Errorf("header %q", h.Header)
		}
	}
	want := []string{
		"src/graph.cpp|1|2|@@ -1,3 +1,4 @@|head_rewrite(gf);",
		"src/graph.cpp|2|2|@@ -9,2 +10,1 @@ void other() {|",
		"other.c|1|1|@@ -1 +1,2 @@|int y;",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// The hunks of a patch add up to the patch.
func TestHunksOfOurPatches(t *testing.T) {
	series, err := ReadSeries(testOverlay().Patches, plugintest.Pins(t).Patches.Series)
	if err != nil {
		t.Fatal(err)
	}
	for _, patch := range series {
		var all strings.Builder
		for _, h := range patch.Hunks() {
			if h.Number == 1 {
				all.WriteString(h.Header)
			}
			all.WriteString(h.Text)
		}
		if all.String() != string(patch.Data) {
			t.Errorf("%s: %q", patch.Name, all.String())
		}
	}
}

func TestHunksSayHowTheyApply(t *testing.T) {
	const before, after = "int a;\n\nvoid build() {\n", "    cur = mul(w, h);\n}\n\nint b;\n"
	h := (Patch{"001", []byte(`--- a/src/graph.cpp
+++ b/src/graph.cpp
@@ -2,4 +2,5 @@
 
 void build() {
+    begin();
     cur = mul(w, h);
 }
`)}).Hunks()[0]
	for _, test := range []struct{ source, outcome, detail string }{
		{before + after, HunkApplies, ""},
		{"// new\n" + before + after, hunkOffset, "line 3, by 1"},
		{"int a;\nint new;\nvoid build() {\n" + after, HunkLessContext,
			"goes to line 3, beside other lines than before: `begin();`"},
		{before + "    cur = matmul(w, h);\n}\n", HunkRejected, "was at line 2: `begin();`"},
	} {
		p, dir := testPatcher(t), t.TempDir()
		if _, err := plan(t, map[string]string{"src/graph.cpp": test.source}).Sync(dir); err != nil {
			t.Fatal(err)
		}
		outcome, detail, err := p.Try(t.Context(), dir, h)
		if err != nil || outcome != test.outcome || !strings.Contains(detail, test.detail) {
			t.Errorf("%q: %s: %s, %v", test.source, outcome, detail, err)
		}
		if patched := strings.Contains(plugintest.OnDisk(t, dir)["src/graph.cpp"],
			"begin"); patched == (test.outcome == HunkRejected) {
			t.Errorf("%q: patched %v", test.source, patched)
		}
	}
}
