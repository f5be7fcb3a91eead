package plugin

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
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
	for _, h := range (Patch{"001", []byte(twoFiles)}).hunks() {
		first, _, _ := strings.Cut(h.text, "\n")
		got = append(got, strings.Join([]string{h.file, string(rune('0' + h.number)), string(rune('0' + h.of)), first, h.added()}, "|"))
		if !strings.Contains(h.header, "+++ b/"+h.file) || !strings.HasPrefix(h.header, "diff --git a/"+h.file) {
			t.Errorf("header %q", h.header)
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

// All hunks together are the patch again.
func TestHunksOfOurPatches(t *testing.T) {
	series, err := ReadSeries(repository().Patches, committedPins(t).Patches.Series)
	if err != nil {
		t.Fatal(err)
	}
	for _, patch := range series {
		var all strings.Builder
		for _, h := range patch.hunks() {
			if h.number == 1 {
				all.WriteString(h.header)
			}
			all.WriteString(h.text)
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
`)}).hunks()[0]
	for _, test := range []struct{ source, outcome, detail string }{
		{before + after, hunkApplies, ""},
		{"// new\n" + before + after, hunkOffset, "line 3, by 1"},
		{"int a;\nint new;\nvoid build() {\n" + after, hunkLessContext, "goes to line 3, beside other lines than before: `begin();`"},
		{before + "    cur = matmul(w, h);\n}\n", hunkRejected, "was at line 2: `begin();`"},
	} {
		p, dir := testPatcher(t), t.TempDir()
		if _, err := plan(t, map[string]string{"src/graph.cpp": test.source}).Sync(dir); err != nil {
			t.Fatal(err)
		}
		outcome, detail, err := p.try(t.Context(), dir, h)
		if err != nil || outcome != test.outcome || !strings.Contains(detail, test.detail) {
			t.Errorf("%q: %s: %s, %v", test.source, outcome, detail, err)
		}
		if patched := strings.Contains(onDisk(t, dir)["src/graph.cpp"], "begin"); patched == (test.outcome == hunkRejected) {
			t.Errorf("%q: patched %v", test.source, patched)
		}
	}
}

// When one of Ollama's own patches does not apply, a person has to know whether ours are to blame.
func TestPatchesOfOllamaSayWhoseFaultItIs(t *testing.T) {
	for _, test := range []struct{ ours, compat, state, detail string }{
		{addCall, addCallAgain, hunkApplies, ""},
		{addCall, addCall, "is in already", ""},
		{strings.ReplaceAll(addCall, "head_rewrite", "other"), strings.ReplaceAll(addCall, "head_rewrite", "compat"), hunkRejected, "but without our patches it does"},
		{addCall, stale, hunkRejected, "nor without our patches"},
	} {
		c, p, tree := &upstreamCheck{}, testPatcher(t), plan(t, smallTree)
		work, err := p.stage(tree, []Patch{{"001", []byte(test.ours)}, {"compat", []byte(test.compat)}})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.gitApply(t.Context(), work, Patch{"001", []byte(test.ours)}); err != nil {
			t.Fatal(err)
		}
		if err := c.tryCompat(t.Context(), p, work, tree, Patch{"compat", []byte(test.compat)}); err != nil {
			t.Fatal(err)
		}
		if row := c.report.Rows[0]; row.State != test.state || !strings.Contains(row.Detail, test.detail) || row.Failed != (test.state == hunkRejected) {
			t.Errorf("%+v", row)
		}
	}
}

// writeSdist writes an archive as the package index has it.
func writeSdist(t *testing.T, name string, files map[string]string) {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	entries := tar.NewWriter(zip)
	for name, content := range files {
		if err := entries.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := entries.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := entries.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if err := replace(name, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// upstreamFor is a check with a cache of its own.
func upstreamFor(t *testing.T, opts UpstreamOptions) *upstreamCheck {
	tools, err := FindToolchain()
	if err != nil {
		t.Fatal(err)
	}
	opts.Cache, opts.Jobs = t.TempDir(), 2
	return &upstreamCheck{
		build: &build{opts: opts.build(), pins: committedPins(t), tools: tools, overlay: repository(), steps: NewSteps(t.Output())},
		opts:  opts,
	}
}

// A version without a hash is pinned for the time of the check, by what was downloaded.
func TestAnotherLlamaCppIsPinnedByItsArchive(t *testing.T) {
	c := upstreamFor(t, UpstreamOptions{LlamaCppPython: "0.9.9"})
	writeSdist(t, filepath.Join(c.build.opts.Cache, "downloads", "llama_cpp_python-0.9.9.tar.gz"), map[string]string{
		"llama_cpp_python-0.9.9/CHANGELOG.md":                           "## [0.9.9]\n- feat: Update llama.cpp to ggml-org/llama.cpp@abcdef123\n## [0.9.8]\n- feat: Update llama.cpp to ggml-org/llama.cpp@000000000\n",
		"llama_cpp_python-0.9.9/vendor/llama.cpp/src/llama-model.cpp":   "int x;\n",
		"llama_cpp_python-0.9.9/vendor/llama.cpp/ggml/CMakeLists.txt":   "set(GGML_VERSION_MAJOR 1)\nset(GGML_VERSION_MINOR 2)\nset(GGML_VERSION_PATCH 3)\n",
		"llama_cpp_python-0.9.9/vendor/llama.cpp/common/CHANGELOG.md":   "update llama.cpp to ggml-org/llama.cpp@111111111\n",
		"llama_cpp_python-0.9.9/vendor/llama.cpp/ggml/include/ggml.txt": "",
	})
	err := c.do(t.Context(), []namedStep{{"versions", c.resolve}, {"fetch", c.fetchLlamaCpp}, {"series", c.chooseSeries}})
	if err != nil {
		t.Fatal(err)
	}
	c.readVersions()
	pin := c.report.LlamaCpp
	if pin.Version != "0.9.9" || pin.Commit != "abcdef123" || pin.GGML != "1.2.3" || pin.Subdir != "llama_cpp_python-0.9.9/vendor/llama.cpp" {
		t.Errorf("%+v", pin)
	}
	if err := checkSHA256(filepath.Join(c.build.opts.Cache, "downloads", pin.File), pin.SHA256); err != nil {
		t.Error(err)
	}
	if c.report.Series != committedPins(t).Patches.Series || c.report.Pinned {
		t.Errorf("series %q, pinned %v", c.report.Series, c.report.Pinned)
	}
	var out strings.Builder
	c.report.Print(&out)
	if !strings.Contains(out.String(), `sha256  = "`+pin.SHA256+`"`) {
		t.Errorf("%s", out.String())
	}
}

func TestVersionsThatAreNone(t *testing.T) {
	for _, opts := range []UpstreamOptions{{Ollama: "v0.33"}, {Ollama: "v1.2.3@latest"}, {LlamaCppPython: "0.3.35 --pre"}, {LlamaCppPython: "latest"}} {
		c := upstreamFor(t, opts)
		if err := c.do(t.Context(), []namedStep{{"versions", c.resolve}}); hint.Of(err) == "" {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}

// A folder that is named after the new commit is taken by itself.
func TestSeriesOfTheVersionIsTaken(t *testing.T) {
	c := upstreamFor(t, UpstreamOptions{})
	patches := t.TempDir()
	if err := os.CopyFS(filepath.Join(patches, "llama.cpp-abcdef123"), os.DirFS("../patches/"+c.pins.Patches.Series)); err != nil {
		t.Fatal(err)
	}
	c.overlay.Patches = os.DirFS(patches)
	c.pins.LlamaCpp.Commit = "abcdef123"
	if err := c.do(t.Context(), []namedStep{{"series", c.chooseSeries}}); err != nil || c.report.Series != "llama.cpp-abcdef123" || len(c.ours) == 0 {
		t.Errorf("%q, %v", c.report.Series, err)
	}
}

func TestAReportSaysWhatToDo(t *testing.T) {
	r := UpstreamReport{Pinned: true, Dir: "/scratch"}
	r.add(UpstreamRow{Part: "relied on by 001", Item: "enum ggml_op", Where: "llama.cpp/ggml/include/ggml.h", State: "ok"})
	var out strings.Builder
	r.Print(&out)
	if !strings.Contains(out.String(), "All 1 hold.") || strings.Contains(out.String(), "need a person") {
		t.Errorf("%s", out.String())
	}
	r.add(UpstreamRow{Part: "patch 001.patch", Item: "hunk 1 of 2", Where: "llama.cpp/ggml/include/ggml.h", State: hunkRejected, Detail: "was at line 7", Failed: true})
	r.Rejected++
	for _, name := range []string{"a.cpp", "b.cpp", "c.cpp"} {
		detail := name + ":9:10: fatal error: head.h: No such file"
		if name == "b.cpp" {
			detail = "b.cpp:1:2: error: x was not declared"
		}
		r.add(UpstreamRow{Part: "compile", Where: name, State: "fails", Detail: detail, Failed: true})
	}
	out.Reset()
	r.Print(&out)
	for _, want := range []string{"4 of 5 need a person", "patch 001.patch: does not apply", "ggml.h: hunk 1 of 2: was at line 7", "a.cpp: a.cpp:9:10: fatal error: head.h: No such file\n      likewise c.cpp\n", "b.cpp:1:2: error: x was", "/scratch", "It lacks 1 hunk,", "docs/upgrading.md"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
}

func TestTheFirstErrorOfATool(t *testing.T) {
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{[]string{"x.c: In function f:", "x.c:3:4: error: too few arguments", "x.c:9:1: error: more"}, "x.c:3:4: error: too few arguments"},
		{[]string{"-- ok", "CMake Error at CMakeLists.txt:7 (add_library):", "  No SOURCES", ""}, "CMake Error at CMakeLists.txt:7 (add_library): No SOURCES"},
		{[]string{"killed"}, "killed"},
	} {
		if got := firstError(test.lines); got != test.want {
			t.Errorf("%q", got)
		}
	}
}
