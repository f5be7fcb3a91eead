package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/prefix"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

// build lays out a small build in a new folder; both its programs are Go programs, one of them fh-ollama.
func build(t *testing.T, goProgram []byte) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"bin/fh-ollama": string(goProgram), "bin/ollama": string(goProgram), "lib/ollama/libllama.so.0": "library",
		vendorsName: "License for llama.cpp\n===\n\nMIT\n\nLicense for sgemm\n===\n\nMIT of sgemm\n",
	}
	names := []string{"lib/ollama/libllama.so"}
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	manifest, err := json.Marshal(map[string]any{"ollama": "0.34.2+flashhead.0.1.0", "fh_ollama": "0.1.0", "files": names})
	if err != nil {
		t.Fatal(err)
	}
	files["share/fh-ollama/build.json"] = string(manifest)
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("libllama.so.0", filepath.Join(dir, "lib/ollama/libllama.so")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// goProgram is fh-ollama as this module builds it, made once.
func goProgram(t *testing.T) []byte {
	t.Helper()
	data, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var buildProgram = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "fh-ollama-release-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "fh-ollama")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file, "../../cmd/fh-ollama")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return os.ReadFile(file)
})

func options(t *testing.T, from string) Options {
	t.Helper()
	pins, err := source.ParsePins(thirdparty.Pins)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Prefix: from, Out: filepath.Join(t.TempDir(), "out"), License: []byte("ours"), Pins: pins, Time: time.Unix(1700000000, 0)}
}

// released makes a release and returns the paths of archive and bill.
func released(t *testing.T, o Options) (archive, bill string) {
	t.Helper()
	paths, err := Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sha256sum", "--check", "--strict", filepath.Base(paths[2]))
	cmd.Dir = o.Out
	if out, err := cmd.CombinedOutput(); err != nil && !errors.Is(err, exec.ErrNotFound) || strings.Count(string(out), ": OK\n") != 2 {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
	return paths[0], paths[1]
}

func TestReleaseIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("packs two whole releases; not with -short")
	}
	program := goProgram(t)
	var first [2][]byte
	for i := range 2 {
		archive, bill := released(t, options(t, build(t, program))) // another folder, other times
		for j, file := range []string{archive, bill} {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 && !bytes.Equal(data, first[j]) {
				t.Errorf("%s is another one the second time", filepath.Base(file))
			}
			first[j] = data
		}
	}
}

func TestReleaseOfASmallBuild(t *testing.T) {
	check(t, options(t, build(t, goProgram(t))), []string{"sgemm"})
}

// The build of this checkout, with Ollama and llama.cpp.
func TestReleaseOfTheBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a whole build; not with -short")
	}
	dir := "../../dist"
	if v := os.Getenv("FH_OLLAMA_DIST"); v != "" {
		dir = v
	}
	check(t, options(t, dir), []string{"cpp-httplib", "llamafile-sgemm", "licenses-LICENSE-jsonhpp"})
}

// check looks at a release as somebody does who has got it: what is in it, may it be passed on, can it be installed?
func check(t *testing.T, o Options, vendored []string) {
	archive, bill := released(t, o)
	dir := t.TempDir()
	top, names := unpack(t, archive, dir, o.Time)
	if !slices.IsSorted(names) {
		t.Errorf("names are not in order: %q", names)
	}
	file, err := os.Open(bill)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var doc v2_3.Document
	if err := spdxjson.ReadInto(file, &doc); err != nil {
		t.Fatal(err)
	}
	checkBill(t, &doc, names, slices.Concat([]string{"ollama", "llama.cpp"}, vendored, modules(t, filepath.Join(top, "bin/fh-ollama")),
		modules(t, filepath.Join(top, "bin/ollama"))))

	to := filepath.Join(t.TempDir(), "opt")
	if _, err := prefix.Install(t.Context(), top, to, nil, false); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(to, name)); err != nil {
			t.Errorf("not installed: %v", err)
		}
	}
	if out, err := exec.Command(filepath.Join(to, "bin/fh-ollama"), "uninstall", "--prefix", to).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("something is left of it")
	}
}

// unpack unpacks the archive below dir and returns its one folder and the names in that.
func unpack(t *testing.T, archive, dir string, when time.Time) (top string, names []string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	top = filepath.Join(dir, strings.TrimSuffix(filepath.Base(archive), ".tar.gz"))
	for entries := tar.NewReader(zip); ; {
		h, err := entries.Next()
		if err == io.EOF {
			return top, names
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.Equal(when) || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s tells where it was made: %+v", h.Name, h)
		}
		to := filepath.Join(dir, h.Name)
		name, err := filepath.Rel(top, to)
		if err != nil || !filepath.IsLocal(name) {
			t.Fatalf("%s is not in %s", h.Name, top)
		}
		names = append(names, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeSymlink {
			err = os.Symlink(h.Linkname, to)
		} else {
			var data []byte
			if data, err = io.ReadAll(entries); err == nil {
				err = os.WriteFile(to, data, os.FileMode(h.Mode))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// modules asks Go itself which modules are in a program.
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

// checkBill compares the bill of materials with what is there.
func checkBill(t *testing.T, doc *v2_3.Document, names, components []string) {
	t.Helper()
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	texts := map[string]string{}
	for _, l := range doc.OtherLicenses {
		texts[l.LicenseIdentifier] = l.ExtractedText
	}
	listed := map[string]bool{}
	for _, p := range doc.Packages {
		listed[p.PackageName], listed[p.PackageName+"@"+p.PackageVersion] = true, true
		for _, license := range strings.Split(p.PackageLicenseDeclared, " AND ") {
			if license != "MIT" && strings.TrimSpace(texts[license]) == "" {
				t.Errorf("%s has the licence %q, of which there is no text", p.PackageName, license)
			}
		}
	}
	for _, c := range components {
		if !listed[c] {
			t.Errorf("%s is not in the bill", c)
		}
	}
	files := map[string]bool{}
	for _, f := range doc.Files {
		files[f.FileName] = true
	}
	licenses := 0
	for _, name := range names {
		own := name == billName || name == prefix.ReleaseManifest
		if !own && !files["./"+name] && filepath.Ext(name) != ".so" && !strings.Contains(name, ".so.") { // links among these
			t.Errorf("%s is not in the bill", name)
		}
		if licenseFile.MatchString(path.Base(name)) {
			licenses++
		}
	}
	if licenses < 10 {
		t.Errorf("%d licences", licenses)
	}
}

func TestReleaseRefuses(t *testing.T) {
	program := goProgram(t)
	for name, c := range map[string]struct {
		spoil func(t *testing.T, o *Options)
		want  string
	}{
		"a folder of this machine": {func(t *testing.T, o *Options) {
			o.Private = []string{"/home/somebody/cache"}
			write(t, o.Prefix, "lib/ollama/libllama.so.0", "…/home/somebody/cache/llama.cpp/src/x.cpp…")
		}, "lib/ollama/libllama.so.0 names /home/somebody/cache"},
		"a file missing":   {func(t *testing.T, o *Options) { os.Remove(filepath.Join(o.Prefix, "lib/ollama/libllama.so")) }, "no such file"},
		"no build":         {func(t *testing.T, o *Options) { o.Prefix = t.TempDir() }, "holds no finished build"},
		"no Go program":    {func(t *testing.T, o *Options) { write(t, o.Prefix, "bin/ollama", "#!/bin/sh") }, "bin/ollama"},
		"no vendors named": {func(t *testing.T, o *Options) { write(t, o.Prefix, vendorsName, "MIT") }, "names no part of llama.cpp"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, build(t, program))
			c.spoil(t, &o)
			if _, err := Make(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v", err)
			}
			if files, _ := os.ReadDir(o.Out); len(files) > 0 {
				t.Errorf("there is %v", files)
			}
		})
	}
	if _, err := licensesIn(t.TempDir(), "x"); hint.Of(err) == "" {
		t.Errorf("a module without a licence: %v", err)
	}
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
