package plugin

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	addCall = `--- a/src/graph.cpp
+++ b/src/graph.cpp
@@ -1,3 +1,4 @@
 void build() {
     cur = mul(w, h);
+    head_rewrite(gf);
 }
`
	addCallAgain = `--- a/src/graph.cpp
+++ b/src/graph.cpp
@@ -1,4 +1,5 @@
 void build() {
     cur = mul(w, h);
     head_rewrite(gf);
+    head_log(gf);
 }
`
	newAndGone = `diff --git a/src/new.h b/src/new.h
new file mode 100644
--- /dev/null
+++ b/src/new.h
@@ -0,0 +1 @@
+#pragma once
diff --git a/old.txt b/old.txt
deleted file mode 100644
--- a/old.txt
+++ /dev/null
@@ -1 +0,0 @@
-old
`
	stale = `--- a/src/graph.cpp
+++ b/src/graph.cpp
@@ -1,3 +1,3 @@
 void build() {
-    cur = matmul(w, h);
+    cur = fast(w, h);
 }
`
)

var smallTree = map[string]string{
	"src/graph.cpp": "void build() {\n    cur = mul(w, h);\n}\n",
	"old.txt":       "old\n",
	"other.c":       "int x;\n",
}

func testPatcher(t *testing.T) patcher {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	return patcher{git: git, scratch: t.TempDir()}
}

func TestApplySeries(t *testing.T) {
	out, err := testPatcher(t).apply(t.Context(), plan(t, smallTree),
		[]Patch{{"001", []byte(addCall)}, {"002", []byte(newAndGone)}, {"003", []byte(addCallAgain)}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := out.Sync(dir); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"src/graph.cpp": "void build() {\n    cur = mul(w, h);\n    head_rewrite(gf);\n    head_log(gf);\n}\n",
		"src/new.h":     "#pragma once\n",
		"other.c":       "int x;\n",
	}
	if got := onDisk(t, dir); !mapsEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestFailingPatchLeavesSourcesAsTheyWere(t *testing.T) {
	dir := t.TempDir()
	if _, err := plan(t, smallTree).Sync(dir); err != nil {
		t.Fatal(err)
	}
	tree := Tree{}
	if err := tree.AddDir("", dir, nil); err != nil {
		t.Fatal(err)
	}
	_, err := testPatcher(t).apply(t.Context(), tree,
		[]Patch{{"001", []byte(addCall)}, {"002", []byte(newAndGone)}, {"003-stale.patch", []byte(stale)}})
	if err == nil || !strings.Contains(err.Error(), "003-stale.patch does not apply: patch failed: src/graph.cpp:1") {
		t.Errorf("error: %v", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
	if got := onDisk(t, dir); !mapsEqual(got, smallTree) {
		t.Errorf("the folder changed: %q", got)
	}
	again := t.TempDir()
	if _, err := tree.Sync(again); err != nil || !mapsEqual(onDisk(t, again), smallTree) {
		t.Errorf("the plan changed: %q, %v", onDisk(t, again), err)
	}
}

// In a folder that lies inside a repository git apply would silently skip every file.
func TestApplyInsideAForeignRepository(t *testing.T) {
	p := testPatcher(t)
	if out, err := exec.Command(p.git, "init", "-q", p.scratch).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Setenv("GIT_DIR", filepath.Join(p.scratch, ".git"))
	out, err := p.apply(t.Context(), plan(t, smallTree), []Patch{{"001", []byte(addCall)}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := out["src/graph.cpp"].read()
	if err != nil || !strings.Contains(string(data), "head_rewrite") {
		t.Errorf("not patched: %q, %v", data, err)
	}
}

func TestApplySkipsWhatIsAppliedOnlyWhenAsked(t *testing.T) {
	series := []Patch{{"001", []byte(addCall)}}
	done, err := testPatcher(t).apply(t.Context(), plan(t, smallTree), series)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := testPatcher(t).apply(t.Context(), done, series); err == nil {
		t.Error("applied twice")
	}
	p := testPatcher(t)
	p.applied = true
	again, err := p.apply(t.Context(), done, series)
	if err != nil {
		t.Fatal(err)
	}
	data, err := again["src/graph.cpp"].read()
	if err != nil || strings.Count(string(data), "head_rewrite") != 1 {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestReadSeries(t *testing.T) {
	files := fstest.MapFS{
		"v/series":      {Data: []byte("# order matters\n002-b.patch\n\n001-a.patch  # after b\n")},
		"v/001-a.patch": {Data: []byte("a")},
		"v/002-b.patch": {Data: []byte("b")},
	}
	series, err := ReadSeries(files, "v")
	if err != nil {
		t.Fatal(err)
	}
	if len(series) != 2 || series[0].Name != "002-b.patch" || string(series[1].Data) != "a" {
		t.Errorf("series %v", series)
	}
	files["v/003-c.patch"] = &fstest.MapFile{}
	if _, err := ReadSeries(files, "v"); err == nil || !strings.Contains(err.Error(), "003-c.patch is not named") {
		t.Errorf("forgotten patch: %v", err)
	}
	files["v/series"] = &fstest.MapFile{Data: []byte("001-a.patch\n009.patch\n")}
	if _, err := ReadSeries(files, "v"); err == nil || !strings.Contains(err.Error(), "009.patch") {
		t.Errorf("missing patch: %v", err)
	}
	if _, err := ReadSeries(files, "none"); !os.IsNotExist(err) {
		t.Errorf("missing series: %v", err)
	}
}

func TestCompatPatchesAreOrderedByFileName(t *testing.T) {
	patches, err := compatPatches(fstest.MapFS{
		"llama/compat/002-b.patch":        {},
		"llama/compat/models/001-a.patch": {},
		"llama/compat/compat.cmake":       {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(patches) != 2 || patches[0].Name != "001-a.patch" || patches[1].Name != "002-b.patch" {
		t.Errorf("patches %v", patches)
	}
}
