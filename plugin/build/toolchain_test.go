package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// fakeTools makes PATH a folder of programs with these names, which are not run.
func fakeTools(t *testing.T, names ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, n := range names {
		plugintest.Write(t, filepath.Join(dir, n), "", 0o755)
	}
	t.Setenv("PATH", dir)
	t.Setenv("CC", "")
	t.Setenv("CXX", "")
	return dir
}

func TestFindToolchain(t *testing.T) {
	dir := fakeTools(t, "go", "cmake", "ninja-build", "git", "gcc", "g++", "my-clang++")
	tools, err := FindToolchain()
	if err != nil {
		t.Fatal(err)
	}
	if tools.Ninja != filepath.Join(dir, "ninja-build") || tools.CXX.Path != filepath.Join(dir, "g++") ||
		tools.CXX.Launcher != "" {
		t.Errorf("tools %+v", tools)
	}
	t.Setenv("CXX", "my-clang++")
	if tools, err = FindToolchain(); err != nil || tools.CXX.Path != filepath.Join(dir, "my-clang++") {
		t.Errorf("CXX: %+v, %v", tools, err)
	}
}

func TestCompilersAsPeopleNameThem(t *testing.T) {
	dir := fakeTools(t, "gcc", "zig", "ccache", "distcc", "my gcc", "env")
	at := func(name string) string { return filepath.Join(dir, name) }
	for named, want := range map[string]Compiler{
		"gcc":                       {Launcher: at("ccache"), Path: at("gcc")},
		"ccache gcc":                {Launcher: at("ccache"), Path: at("gcc"), Args: []string{}},
		"distcc gcc -m64":           {Launcher: at("distcc"), Path: at("gcc"), Args: []string{"-m64"}},
		`gcc -m64 "-DX=a b"`:        {Launcher: at("ccache"), Path: at("gcc"), Args: []string{"-m64", "-DX=a b"}},
		"zig cc":                    {Launcher: at("ccache"), Path: at("zig"), Args: []string{"cc"}},
		at("my gcc"):                {Launcher: at("ccache"), Path: at("my gcc")},
		"'" + at("my gcc") + "' -g": {Launcher: at("ccache"), Path: at("my gcc"), Args: []string{"-g"}},
		"ccache":                    {Path: at("ccache")},
	} {
		t.Setenv("CC", named)
		if got, ok := findCompiler("CC", []string{"cc"}); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", named, got, want)
		}
	}
	for _, named := range []string{"none", "ccache none", "gcc 'x", " "} {
		t.Setenv("CC", named)
		if got, ok := findCompiler("CC", []string{"gcc"}); ok {
			t.Errorf("%q: %+v", named, got)
		}
	}
}

// Go quotes CC and CXX in its own way.
func TestGoTakesTheCompiler(t *testing.T) {
	gcc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler")
	}
	dir := filepath.Join(t.TempDir(), "two words")
	plugintest.Write(t, filepath.Join(dir, "cc"), "#!/bin/sh\nshift\nexec '"+gcc+"' \"$@\"\n", 0o755)
	source := filepath.Join(t.TempDir(), "main.go")
	plugintest.Write(t, source,
		"package main\n\n// int x(void) { return 0; }\nimport \"C\"\n\nfunc main() { C.x() }\n", 0o644)
	c := Compiler{Path: filepath.Join(dir, "cc"), Args: []string{"an \"argument"}}
	cmd := exec.Command("go", "build", "-o", filepath.Join(t.TempDir(), "x"), source)
	cmd.Dir = filepath.Dir(source) // gcc writes a file there when Go tries what it knows
	cmd.Env = append(os.Environ(), "CC="+c.env(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("CC=%s: %v\n%s", c.env(), err, out)
	}
}

// CMake accepts a launcher and arguments, also when it configures again.
func TestCMakeTakesTheCompiler(t *testing.T) {
	tools, err := FindToolchain()
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	launcher := filepath.Join(dir, "ccache") // by its name
	plugintest.Write(t, launcher, "#!/bin/sh\ntouch '"+dir+"/launched'\nexec \"$@\"\n", 0o755)
	for name, text := range map[string]string{
		"CMakeLists.txt": "cmake_minimum_required(VERSION 3.18)\nproject(x C CXX)\nadd_executable(x x.c y.cpp)\n",
		"x.c":            "#if !defined(GIVEN) || defined(LEAKED)\n#error \n#endif\nint main(void) { return 0; }\n",
		"y.cpp":          "",
	} {
		plugintest.Write(t, filepath.Join(dir, name), text, 0o644)
	}
	t.Setenv("CC", launcher+" "+tools.CC.Path+" '-DGIVEN=a b'")
	t.Setenv("CXX", launcher+" "+tools.CXX.Path)
	for name, value := range map[string]string{"CFLAGS": "-DLEAKED", "CXXFLAGS": "-nonsense", "LDFLAGS": "-lnonsense",
		"CPATH":           dir,
		"CMAKE_GENERATOR": "Nonsense", "NINJAFLAGS": "-nonsense", "LD_PRELOAD": "/none.so"} {
		t.Setenv(name, value)
	}
	if tools, err = FindToolchain(); err != nil {
		t.Fatal(err)
	}
	b := &Builder{Dir: dir, Tools: tools, Options: Options{Jobs: 1}}
	for _, kind := range []string{"Release", "Debug"} {
		args := append(compilerArgs("C", tools.CC), compilerArgs("CXX", tools.CXX)...)
		args = append([]string{"-S", dir, "-B", filepath.Join(dir, "out"), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=" + kind},
			args...)
		err := step.New(t.Output()).Do("build", func(st *step.Step) error {
			if err := b.cmake(t.Context(), st, filepath.Join(dir, "out"), "configure", args); err != nil {
				return err
			}
			return b.ninja(t.Context(), st, filepath.Join(dir, "out"), "compile", []string{"x"})
		})
		if err != nil {
			t.Fatal(err)
		}
		cache, err := os.ReadFile(filepath.Join(dir, "out", "CMakeCache.txt"))
		if err != nil || !strings.Contains(string(cache), "CMAKE_BUILD_TYPE:UNINITIALIZED="+kind) &&
			!strings.Contains(string(cache), "CMAKE_BUILD_TYPE:STRING="+kind) {
			t.Errorf("not configured as %s: %v", kind, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "launched")); err != nil {
		t.Errorf("the launcher was not used: %v", err)
	}
}
