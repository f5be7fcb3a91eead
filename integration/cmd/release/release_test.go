package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/bundle/bundletest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/plugin/install"
)

// build lays out a small build in a new folder; both its programs are Go programs, one of them fh-ollama.
func build(t *testing.T) string {
	t.Helper()
	program := goProgram(t)
	files := fstest.MapFS{
		"bin/fh-ollama":            {Data: program, Mode: 0o700},
		"bin/ollama":               {Data: program, Mode: 0o700},
		"lib/ollama/libllama.so":   {Data: []byte("libllama.so.0"), Mode: fs.ModeSymlink},
		"lib/ollama/libllama.so.0": {Data: []byte("library"), Mode: 0o700},
	}
	manifest, err := json.Marshal(map[string]any{"ollama": "0.34.2+flashhead.0.1.0", "fh_ollama": "0.1.0",
		"files": slices.Sorted(maps.Keys(files))})
	if err != nil {
		t.Fatal(err)
	}
	files["share/fh-ollama/build.json"] = &fstest.MapFile{Data: manifest}
	return laid(t, files)
}

// laid copies files to a new folder.
func laid(t *testing.T, files fs.FS) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// plugin lays out a small build of the plug-in in a new folder.
func plugin(t *testing.T) string {
	t.Helper()
	return laid(t, bundletest.Prefix([]byte("/home/x/library"), []byte("tool"), []byte("code")))
}

// goProgram returns fh-ollama with the files of plugin inside, built once.
func goProgram(t *testing.T) []byte {
	t.Helper()
	buildProgram.Do(func() {
		dir := t.TempDir()
		file := filepath.Join(dir, "fh-ollama")
		overlay, err := harness.Bundle("../../..", plugin(t), dir)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-tags", "bundle", "-overlay",
			overlay, "-o", file, "../../../cmd/fh-ollama")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if builtProgram, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	})
	if builtProgram == nil {
		t.Fatal("there is no program")
	}
	return builtProgram
}

var (
	buildProgram sync.Once
	builtProgram []byte
)

func testOptions(t *testing.T, from string) options {
	t.Helper()
	program := filepath.Join(t.TempDir(), "fh-ollama")
	if err := os.WriteFile(program, goProgram(t), 0o700); err != nil {
		t.Fatal(err)
	}
	return options{prefix: from, program: program, plugin: plugin(t), out: filepath.Join(t.TempDir(), "out"),
		license: []byte("ours"), time: time.Unix(1700000000, 0)}
}

// released makes a release and returns the paths of its archives: the single program's and the patched build's.
func released(t *testing.T, o options) (single, patched string) {
	t.Helper()
	paths, err := release(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sha256sum", "--check", "--strict", filepath.Base(paths[2]))
	cmd.Dir = o.out
	if out, err := cmd.CombinedOutput(); err != nil && !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
	return paths[0], paths[1]
}

func TestReleaseIsReproducible(t *testing.T) {
	testlevel.Long(t)
	first := map[string][]byte{}
	for range 2 {
		single, patched := released(t, testOptions(t, build(t))) // another folder, other times
		for _, archive := range []string{single, patched} {
			data, err := os.ReadFile(archive)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(archive)
			if first[name] != nil && !bytes.Equal(data, first[name]) {
				t.Errorf("%s differs the second time", name)
			}
			first[name] = data
		}
	}
}

func TestReleaseOfASmallBuild(t *testing.T) { check(t, testOptions(t, build(t))) }

// The build of this checkout, with Ollama and llama.cpp.
func TestReleaseOfTheBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a whole build; not with -short")
	}
	dir := "../../../dist"
	if v := os.Getenv("FH_OLLAMA_DIST"); v != "" {
		dir = v
	}
	check(t, testOptions(t, dir))
}

// check checks that a release may be distributed and can be installed.
func check(t *testing.T, o options) {
	single, patched := released(t, o)
	checkSingle(t, single, o)
	top, names := unpack(t, patched, t.TempDir(), o.time)
	if !slices.IsSorted(names) {
		t.Errorf("names are not in order: %q", names)
	}
	for _, program := range []string{"bin/fh-ollama", "bin/ollama"} {
		for _, m := range modules(t, filepath.Join(top, program)) {
			if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, licensesDir+"/"+m) }) {
				t.Errorf("the license of %s, which is in %s, is missing", m, program)
			}
		}
	}
	to := filepath.Join(t.TempDir(), "opt")
	if _, err := install.Prefix(t.Context(), install.PrefixOptions{From: top, Dir: to}); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(to, name)); err != nil {
			t.Errorf("not installed: %v", err)
		}
	}
	if out, err := exec.Command(filepath.Join(to, "bin/fh-ollama"), "uninstall", "--prefix",
		to).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("something is left of it")
	}
}

// checkSingle checks the archive of the single program: it runs, knows what is inside it, and all licenses are there.
func checkSingle(t *testing.T, archive string, o options) {
	top, names := unpack(t, archive, t.TempDir(), o.time)
	if !slices.Equal(names, []string{"LICENSES", "fh-ollama"}) {
		t.Errorf("the archive has %q", names)
	}
	out, err := exec.Command(filepath.Join(top, "fh-ollama"), "--version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "fh-ollama version ") || strings.Contains(string(out), "inside: none") {
		t.Errorf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(top, "LICENSES"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(modules(t, filepath.Join(top, "fh-ollama")), "fh-ollama ====\n\nours\n", "llama.cpp") {
		if !strings.Contains(string(text), "==== "+name) {
			t.Errorf("the license of %s is missing", name)
		}
	}
}

// unpack unpacks the archive below dir and returns its one folder and the names in that.
func unpack(t *testing.T, archive, dir string, when time.Time) (top string, names []string) {
	t.Helper()
	if out, err := exec.Command("tar", "-xzf", archive, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	folder := strings.TrimSuffix(filepath.Base(archive), ".tar.gz")
	for entries := tar.NewReader(zip); ; {
		h, err := entries.Next()
		if err == io.EOF {
			return filepath.Join(dir, folder), names
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(when) || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s tells where it was made: %+v", h.Name, h)
		}
		name, inside := strings.CutPrefix(h.Name, folder+"/")
		if !inside || !filepath.IsLocal(name) {
			t.Fatalf("%s is not in %s", h.Name, folder)
		}
		names = append(names, name)
	}
}

// modules returns the modules in a program, from the go command.
func modules(t *testing.T, program string) []string {
	t.Helper()
	out, err := exec.Command("go", "version", "-m", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	list := []string{"std"}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == "dep" {
			list = append(list, f[1]+"@"+f[2])
		}
	}
	if len(list) < 10 {
		t.Errorf("%s has the modules %q", program, list)
	}
	return list
}

func TestReleaseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, o *options)
		want  string
	}{
		"a folder of this machine": {func(t *testing.T, o *options) {
			o.private = []string{"/home/somebody/cache"}
			write(t, o.prefix, "lib/ollama/libllama.so.0", "…/home/somebody/cache/llama.cpp/src/x.cpp…")
		}, "lib/ollama/libllama.so.0 names /home/somebody/cache"},
		"a file missing": {func(t *testing.T, o *options) { os.Remove(filepath.Join(o.prefix, "lib/ollama/libllama.so")) },
			"no such file"},
		"a folder of this machine in what is inside": {func(t *testing.T, o *options) { o.private = []string{"/home/x"} },
			"fh-ollama names /home/x"},
		"another plug-in inside": {func(t *testing.T, o *options) {
			write(t, o.plugin, "lib/flashhead/libggml-flashhead.so", "the library of another build")
		}, "fh-ollama does not have the plug-in of "},
		"no plug-in":    {func(t *testing.T, o *options) { o.plugin = t.TempDir() }, "no such file"},
		"no program":    {func(t *testing.T, o *options) { o.program = o.plugin }, "is a directory"},
		"no build":      {func(t *testing.T, o *options) { o.prefix = t.TempDir() }, "holds no finished build"},
		"no Go program": {func(t *testing.T, o *options) { write(t, o.prefix, "bin/ollama", "#!/bin/sh") }, "bin/ollama"},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t, build(t))
			c.spoil(t, &o)
			if _, err := release(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v", err)
			}
			if files, _ := os.ReadDir(o.out); len(files) > 0 {
				t.Errorf("there is %v", files)
			}
		})
	}
	if _, err := licensesIn(t.TempDir(), "x"); hint.Of(err) == "" {
		t.Errorf("a module without a license: %v", err)
	}
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
