package build

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// compiling lays out a head and a header of somebody else's, and returns a build and the database of its compiles.
func compiling(t *testing.T, sources map[string]string) (b *Builder, database []byte) {
	t.Helper()
	tools, err := FindToolchain()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b = &Builder{Dir: dir, Options: Options{Jobs: 2, Strict: true}, Tools: tools}
	other := filepath.Join(dir, "other")
	sources["../odd/odd.h"] = "static int odd() { return 1; }\n"
	sources["../other/other.h"] = "static inline int other(int unused) { return 0; }\n"
	var entries []map[string]string
	for name, text := range sources {
		path := filepath.Join(b.headDir(), name)
		plugintest.Write(t, path, text, 0o644)
		if strings.HasSuffix(name, ".h") {
			continue
		}
		entry := map[string]string{"directory": dir, "file": path,
			"command": "/usr/bin/ccache " + tools.CXX.Path + ` -DX=\"x\" -I` + other + " -I" + b.headDir() + " -I" + b.headDir() + "/../odd -MD -MT x.o -MF x.d -o x.o -c " + path}
		entries = append(entries, entry, entry) // as in a build with two targets
	}
	if database, err = json.Marshal(entries); err != nil {
		t.Fatal(err)
	}
	return b, database
}

func TestWarningsOfOwnSourcesAreErrors(t *testing.T) {
	b, database := compiling(t, map[string]string{
		"good.cpp":     "#include \"other.h\"\n#include \"odd.h\"\n#include \"own.h\"\nconst char * x = X;\n",
		"own.h":        "#pragma once\n",
		"bad.cpp":      "int f(int forgotten) { return 0; }\n",
		"sub/bad.cpp":  "#include \"bad.h\"\n",
		"bad.h":        "#pragma once\nstatic int nowhere;\n",
		"../other.cpp": "int g(int forgotten) { return 0; }\n", // not ours
	})
	compiles, err := ownCompiles(database, b.headDir())
	if err != nil || len(compiles) != 3 {
		t.Fatalf("%d compiles, %v", len(compiles), err)
	}
	var failed []string
	err = step.New(t.Output()).Do("warnings", func(st *step.Step) (err error) {
		failed, err = b.compileAll(t.Context(), st, compiles)
		return err
	})
	var command *step.CommandError
	if !errors.As(err, &command) || !slices.Equal(failed, []string{"bad.cpp", "sub/bad.cpp"}) {
		t.Errorf("of %q have warnings %q, %v", compiles, failed, err)
	}
	for _, name := range []string{"x.o", "x.d"} {
		if _, err := os.Stat(filepath.Join(b.Dir, name)); err == nil {
			t.Errorf("it wrote %s", name)
		}
	}
}

func TestWarningsNeedSources(t *testing.T) {
	b, _ := compiling(t, map[string]string{})
	plugintest.Write(t, filepath.Join(b.NativeDir(), "build.ninja"), "", 0o644)
	err := step.New(t.Output()).Do("warnings", func(st *step.Step) error { return b.checkWarnings(t.Context(), st) })
	if err == nil || !strings.Contains(err.Error(), "compiles none of the head's sources") {
		t.Errorf("the error is %v, its way out %q", err, hint.Of(err))
	}
}
