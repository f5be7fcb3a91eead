package tree

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/source/sourcetest"
)

const (
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
)

func testPatcher(t *testing.T) Patcher {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	return Patcher{Git: git, Scratch: t.TempDir()}
}

// applied returns tree with patches.
func applied(t *testing.T, p Patcher, tree Tree, patches ...Patch) Tree {
	t.Helper()
	work, err := p.Stage(tree, patches)
	if err != nil {
		t.Fatal(err)
	}
	for _, patch := range patches {
		if p.IsIn(t.Context(), work, patch) {
			t.Errorf("%s is said to be in", patch.Name)
		}
		if err := p.GitApply(t.Context(), work, patch); err != nil {
			t.Fatal(err)
		}
		if !p.IsIn(t.Context(), work, patch) {
			t.Errorf("%s is not said to be in", patch.Name)
		}
	}
	patched, err := p.Staged(tree, patches, work)
	if err != nil {
		t.Fatal(err)
	}
	return patched
}

// Also inside a repository, where git apply would silently skip every file.
func TestApplySeries(t *testing.T) {
	p := testPatcher(t)
	if out, err := exec.Command(p.Git, "init", "-q", p.Scratch).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Setenv("GIT_DIR", filepath.Join(p.Scratch, ".git"))
	out := applied(t, p, plan(t, plugintest.SmallTree), Patch{"001", []byte(plugintest.AddCall)},
		Patch{"002", []byte(newAndGone)}, Patch{"003", []byte(plugintest.AddCallAgain)})
	dir := t.TempDir()
	if _, err := out.Sync(dir); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"src/llama-model.cpp": "void build() {\n    cur = mul(w, h);\n    head_rewrite(gf);\n    head_log(gf);\n}\n",
		"src/new.h":           "#pragma once\n",
		"other.c":             "int x;\n",
	}
	if got := plugintest.OnDisk(t, dir); !maps.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// Hunks that fit are applied, and the others are told and kept beside their file.
func TestTry(t *testing.T) {
	const threeFiles = `--- a/src/llama-model.cpp
+++ b/src/llama-model.cpp
@@ -1,2 +1,3 @@
 int a;
+int new;
 int b;
@@ -4,2 +5,3 @@ void other() {
 int d;
+begin();
 int e;
--- a/other.c
+++ b/other.c
@@ -1 +1,2 @@
 int x;
+int y;
--- a/gone.c
+++ b/gone.c
@@ -1 +1,2 @@
 int x;
+int y;
`
	p, dir := testPatcher(t), t.TempDir()
	before := map[string]string{"other.c": "int x;\n", "src/llama-model.cpp": "int a;\nint b;\nint c;\nint d;\nint E;\n"}
	if _, err := plan(t, before).Sync(dir); err != nil {
		t.Fatal(err)
	}
	rejected, err := p.Try(t.Context(), dir, Patch{"001.patch", []byte(threeFiles)})
	want := []string{"patch failed: src/llama-model.cpp:4", "gone.c: No such file or directory"}
	if err != nil || !slices.Equal(rejected, want) {
		t.Errorf("%q, %v", rejected, err)
	}
	after := plugintest.OnDisk(t, dir)
	source, rest := after["src/llama-model.cpp"], after["src/llama-model.cpp.001.patch.rej"]
	if !strings.Contains(source, "new") || strings.Contains(source, "begin") || !strings.Contains(rest, "begin") ||
		after["other.c"] != "int x;\nint y;\n" || len(after) != 3 {
		t.Errorf("%q", after)
	}
	if rejected, err = p.Try(t.Context(), dir, Patch{"002", []byte(threeFiles[:60])}); err != nil || len(rejected) == 0 {
		t.Errorf("a damaged patch: %q, %v", rejected, err)
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
	patches, err := CompatPatches(fstest.MapFS{
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

// The pinned sources need every cure, and take it.
func TestCuresArePinned(t *testing.T) {
	tree := sourcetest.Trees(t)["llama.cpp"]
	cures, err := ReadSeries(os.DirFS("../../patches"), CureFolder)
	if err != nil || len(cures) == 0 {
		t.Fatalf("%d cures, %v", len(cures), err)
	}
	p, plan := testPatcher(t), Tree{}
	for _, name := range NamedFiles(cures) {
		plan[name] = file{fsys: tree, name: name}
	}
	work, err := p.Stage(plan, cures)
	if err != nil {
		t.Fatal(err)
	}
	for _, cure := range cures {
		if state, err := p.Cure(t.Context(), work, cure); state != CureApplied {
			t.Errorf("%s: %s, %v: drop it if upstream has it", cure.Name, state, err)
		}
	}
}
