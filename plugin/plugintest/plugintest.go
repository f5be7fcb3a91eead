// Package plugintest is for tests of the packages below plugin: small stand-ins for sources and for the plug-in.
package plugintest

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Patches for SmallTree.
const (
	AddCall = `--- a/src/llama-model.cpp
+++ b/src/llama-model.cpp
@@ -1,3 +1,4 @@
 void build() {
     cur = mul(w, h);
+    head_rewrite(gf);
 }
`
	AddCallAgain = `--- a/src/llama-model.cpp
+++ b/src/llama-model.cpp
@@ -1,4 +1,5 @@
 void build() {
     cur = mul(w, h);
     head_rewrite(gf);
+    head_log(gf);
 }
`
	Stale = `--- a/src/llama-model.cpp
+++ b/src/llama-model.cpp
@@ -1,3 +1,3 @@
 void build() {
-    cur = matmul(w, h);
+    cur = fast(w, h);
 }
`
)

// SmallTree is a stand-in for llama.cpp: path to content.
var SmallTree = map[string]string{
	"src/llama-model.cpp": "void build() {\n    cur = mul(w, h);\n}\n",
	"old.txt":             "old\n",
	"other.c":             "int x;\n",
}

// Library makes a shared library of C source.
func Library(t *testing.T, source string, args ...string) string {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if runtime.GOOS != "linux" || err != nil {
		t.Skip("needs Linux, as the plug-in does, and a C compiler")
	}
	library := filepath.Join(t.TempDir(), "x.so")
	cmd := exec.Command(compiler, slices.Concat([]string{"-shared", "-fPIC", "-o", library, "-x", "c", "-", "-x", "none"},
		args)...)
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return library
}

// Plugin is C that llama.cpp takes for a backend with this score.
func Plugin(score int) string {
	return fmt.Sprintf("void *ggml_backend_init(void) { return 0; }\nint ggml_backend_score(void) { return %d; }\n", score)
}

// Write writes a file and makes its folders.
func Write(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// OnDisk returns the files of a folder by slash-separated path.
func OnDisk(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
