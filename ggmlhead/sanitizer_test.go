package ggmlhead

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/sanitizertest"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// coreTests names the programs in tests/ that need nothing but the core.
var coreTests = []string{"test-flash-head-core", "test-flash-head-group", "test-flash-head-codes",
	"test-flash-head-selection"}

// The core's own tests, built with the compiler's sanitizers: no data race, no access out of bounds, no undefined
// behaviour.
func TestCoreUnderSanitizers(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles C++; not with -short")
	}
	sanitizertest.Each(t, func(t *testing.T, flags []string) {
		compile := func(t *testing.T, args ...string) {
			t.Helper()
			must(t, sanitizertest.Compiler(), slices.Concat([]string{"-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
				"-Icore", "-Ihosts/server", "-pthread", "-DFLASH_HEAD_DENSE_EMULATED"}, flags, args)...)
		}
		dir := t.TempDir()
		// the length of windows is tested likewise
		objects := coreObjects(t, dir, compile, "hosts/server/flash-head-pace.cpp")
		for _, test := range append(slices.Clone(coreTests), "test-flash-head-pace") {
			t.Run(test, func(t *testing.T) {
				program := filepath.Join(dir, test)
				compile(t, slices.Concat([]string{"tests/" + test + ".cpp", "-o", program}, objects)...)
				sanitizertest.Run(t, program)
			})
		}
	})
}

// coreObjects compiles the core, and more sources, for several programs, into dir.
func coreObjects(t *testing.T, dir string, compile func(t *testing.T, args ...string), more ...string) (objects []string) {
	t.Helper()
	core, err := filepath.Glob("core/*.cpp")
	if err != nil || len(core) == 0 {
		t.Fatalf("the core's sources: %v, %v", core, err)
	}
	for _, source := range append(core, more...) {
		object := filepath.Join(dir, filepath.Base(source)+".o")
		compile(t, "-c", source, "-o", object)
		objects = append(objects, object)
	}
	return objects
}

// The op in ggml's own CPU backend, with its thread pool, and all that reads a model's file, built with the sanitizers
// from the tree of the last `make build`. Compiled files stay in the cache.
func TestGGMLUnderSanitizers(t *testing.T) {
	testlevel.Long(t)
	if testing.Short() {
		t.Skip("compiles C++; not with -short")
	}
	cache, err := atomicfile.CacheFolder()
	if err != nil {
		t.Fatal(err)
	}
	tree := patchedTree(t, cache)
	for sanitizer, programs := range map[string][][]string{
		"address": {{"test-flash-head"}, {"test-flash-head-map"}, {"test-flash-head-map-file"},
			{"test-flash-head-hostile", t.TempDir(), "20000"}},
		"thread": {{"test-flash-head"}},
	} {
		t.Run(sanitizer, func(t *testing.T) {
			t.Parallel()
			if !sanitizertest.Has(t, sanitizer) {
				t.Skipf("%s has no %s sanitizer", sanitizertest.Compiler(), sanitizer)
			}
			dir := filepath.Join(filepath.Dir(tree), "sanitized-"+sanitizer)
			args := []string{"-S", filepath.Join(tree, "flashhead", "tests", "sanitized"), "-B", dir, "-G", "Ninja",
				"-DLLAMA_CPP_TREE=" + tree, "-DSANITIZER=" + sanitizer}
			build := []string{"-C", dir}
			for _, program := range programs {
				build = append(build, program[0])
			}
			must(t, "cmake", args...)
			must(t, "ninja", build...)
			for _, program := range programs {
				t.Run(program[0], func(t *testing.T) {
					sanitizertest.Run(t, filepath.Join(dir, "bin", program[0]), program[1:]...)
				})
			}
		})
	}
}

// must runs a program of the build.
func must(t *testing.T, program string, args ...string) {
	t.Helper()
	if text, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, text)
	}
}

// patchedTree returns the tree of llama.cpp of the build in cache that has this very source of the head.
func patchedTree(t *testing.T, cache string) string {
	t.Helper()
	trees, err := filepath.Glob(filepath.Join(cache, "build", "flashhead-*", "llama.cpp"))
	if err != nil {
		t.Fatal(err)
	}
	var stale []error
	for _, tree := range trees {
		if err := sameSources(filepath.Join(tree, "flashhead")); err != nil {
			stale = append(stale, err)
			continue
		}
		return tree
	}
	t.Fatalf("no build has these sources, run make build first: %v", stale)
	return ""
}

// sameSources returns an error unless dir has the C++ files of this folder.
func sameSources(dir string) error {
	return filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(filepath.Ext(path), ".c") && filepath.Ext(path) != ".h" {
			return err
		}
		here, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		there, err := os.ReadFile(filepath.Join(dir, path))
		if err == nil && !bytes.Equal(here, there) {
			err = fmt.Errorf("%s is another in %s", path, dir)
		}
		return err
	})
}
