package install

import (
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// lay writes files below dir, name to content; "-> X" is a symbolic link to X.
func lay(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		os.Remove(path)
		var err error
		if to, link := strings.CutPrefix(content, "-> "); link {
			err = os.Symlink(to, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// laid is what lay would have written, with folders, as "/".
func laid(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case d.IsDir():
			files[name] = "/"
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			files[name] = "-> " + to
			return err
		default:
			data, err := os.ReadFile(path)
			files[name] = string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// built lays out a build with these files and its manifest.
func built(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	manifest, err := json.Marshal(map[string]any{"ollama": "0.34.2+flashhead.0.1.0",
		"files": slices.Sorted(maps.Keys(files))})
	if err != nil {
		t.Fatal(err)
	}
	lay(t, dir, files)
	lay(t, dir, map[string]string{buildManifest: string(manifest)})
	return dir
}

var (
	first = map[string]string{
		"bin/ollama": "program 1", "lib/ollama/llama-server": "server", "lib/ollama/libllama.so.0": "library 1",
		"lib/ollama/libllama.so": "-> libllama.so.0", "lib/ollama/old": "old",
	}
	second = map[string]string{
		"bin/ollama": "program 2", "lib/ollama/llama-server": "server", "lib/ollama/libllama.so.1": "library 2",
		"lib/ollama/libllama.so": "-> libllama.so.1", "lib/ollama/cuda/new": "new",
	}
	// others is what may be in a folder before.
	others = map[string]string{"bin/other": "theirs", "share/doc/other": "theirs", "lib/ollama/note": "theirs"}
)

func installPrefix(t *testing.T, from, to string) PrefixResult {
	t.Helper()
	result, err := Prefix(t.Context(), PrefixOptions{From: from, Dir: to, Service: ServiceAlone})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func uninstallPrefix(t *testing.T, dir string) PrefixRemoval {
	t.Helper()
	result, err := UninstallPrefix(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func expect(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if got := laid(t, dir); !maps.Equal(got, want) {
		t.Errorf("%s holds %v\nnot %v", dir, got, want)
	}
}

// A user installs into a folder that is not empty, installs a newer version and the old one again, and takes it away.
func TestInstallUpdateUninstall(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, others)
	before := laid(t, dir)
	for _, files := range []map[string]string{first, second, first} {
		from := built(t, files)
		if _, err := Prefix(t.Context(), PrefixOptions{From: from, Dir: dir, DryRun: true}); err != nil {
			t.Fatal(err)
		}
		if installPrefix(t, from, dir).Changed == 0 {
			t.Error("nothing was changed")
		}
		got := laid(t, dir)
		for name, want := range files {
			if got[name] != want {
				t.Errorf("%s is %q, not %q", name, got[name], want)
			}
		}
		if n := installPrefix(t, from, dir).Changed; n != 0 {
			t.Errorf("%d files changed the second time", n)
		}
		for _, name := range []string{"lib/ollama/old", "lib/ollama/cuda/new", "lib/ollama/cuda"} {
			if _, kept := files[name]; !kept && got[name] != "" && files[name+"/new"] == "" {
				t.Errorf("%s of the other version is left", name)
			}
		}
		if unit := got[share+"/ollama-flashhead.service"]; !strings.Contains(unit,
			"ExecStart=\""+dir+"/bin/ollama\" serve\n") {
			t.Errorf("the service is\n%s", unit)
		}
	}
	if _, err := UninstallPrefix(dir, true); err != nil {
		t.Fatal(err)
	}
	if r := uninstallPrefix(t, dir); len(r.Kept) > 0 {
		t.Errorf("kept %q", r.Kept)
	}
	expect(t, dir, before)
	if _, err := UninstallPrefix(dir, false); hint.Of(err) == "" {
		t.Errorf("taking it away twice: %v", err)
	}
}

// What was not installed by us stays, and nothing is installed over it.
func TestRefusesWhatIsNotOurs(t *testing.T) {
	for name, c := range map[string]struct {
		there map[string]string
		want  string // part of the error
	}{
		"a stock Ollama": {map[string]string{"bin/ollama": "stock"},
			"bin/ollama exists and was not installed by fh-ollama"},
		"the very same file":   {map[string]string{"bin/ollama": "program 1"}, "bin/ollama exists"},
		"a link":               {map[string]string{"bin/ollama": "-> /usr/bin/ollama"}, "bin/ollama exists"},
		"a folder":             {map[string]string{"bin/ollama/x": ""}, "bin/ollama exists"},
		"a build":              {map[string]string{buildManifest: "{}"}, "build.json exists"},
		"a file for a folder":  {map[string]string{"lib": ""}, "lib"},
		"a way out":            {map[string]string{"lib": "-> " + t.TempDir()}, "lib is a link to a folder that is not in "},
		"a receipt to be read": {map[string]string{receiptPath: "{"}, "cannot be read"},
		"a newer receipt":      {map[string]string{receiptPath: `{"schema": 9}`}, "format 9"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			lay(t, dir, c.there)
			before := laid(t, dir)
			_, err := Prefix(t.Context(), PrefixOptions{From: built(t, first), Dir: dir})
			if err == nil || !strings.Contains(err.Error(), c.want) || hint.Of(err) == "" {
				t.Errorf("the error is %v, its hint %q", err, hint.Of(err))
			}
			expect(t, dir, before)
		})
	}
}

// A stock Ollama that was put over ours is not touched any more.
func TestChangedSince(t *testing.T) {
	dir := t.TempDir()
	installPrefix(t, built(t, first), dir)
	stock := map[string]string{"bin/ollama": "stock", "lib/ollama/libllama.so": "-> libllama.so.7"}
	lay(t, dir, stock)
	if _, err := Prefix(t.Context(), PrefixOptions{From: built(t, second), Dir: dir}); err == nil {
		t.Error("it was replaced")
	}
	if r := uninstallPrefix(t, dir); len(r.Kept) != 2 {
		t.Errorf("kept %q", r.Kept)
	}
	expect(t, dir, map[string]string{".": "/", "bin": "/", "bin/ollama": "stock", "lib": "/", "lib/ollama": "/",
		"lib/ollama/libllama.so": "-> libllama.so.7"})
}

func TestBuildThatIsNotWhole(t *testing.T) {
	for name, spoiled := range map[string]map[string]string{
		"no manifest":  {buildManifest: ""},
		"interrupted":  {buildManifest: `{"files": ["bin/ollama"]}`},
		"file missing": {buildManifest: `{"ollama": "0.34.2", "files": ["bin/ollama", "bin/gone"]}`},
		"a way out":    {buildManifest: `{"ollama": "0.34.2", "files": ["../x"]}`},
		"a link out":   {"lib/ollama/libllama.so": "-> ../../../x"},
	} {
		t.Run(name, func(t *testing.T) {
			from, dir := built(t, first), filepath.Join(t.TempDir(), "new")
			lay(t, from, spoiled)
			if _, err := Prefix(t.Context(), PrefixOptions{From: from, Dir: dir}); err == nil {
				t.Error("it was installed")
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("its folder was made")
			}
		})
	}
}

func TestCancelledInstallChangesNothing(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, others)
	before := laid(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := planned(t, dir, built(t, first)).do(ctx); err == nil {
		t.Error("it went on")
	}
	expect(t, dir, before)
}

// planned plans the installation of the build in from.
func planned(t *testing.T, dir, from string) *work {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	build, err := ReadBuild(from)
	if err != nil {
		t.Fatal(err)
	}
	files, err := build.files(t.Context(), from, dir, ServiceAlone)
	if err != nil {
		t.Fatal(err)
	}
	w, err := planPrefix(root, files)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// An update that a power cut ends after any number of files can be repeated, and taken away.
func TestInterruptedUpdate(t *testing.T) {
	old, update := built(t, first), built(t, second)
	for placed := 0; placed <= len(second)+2; placed++ {
		for _, again := range []bool{true, false} {
			dir := t.TempDir()
			lay(t, dir, others)
			before := laid(t, dir)
			installPrefix(t, old, dir)
			w := planned(t, dir, update)
			if _, err := w.prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, f := range w.files[:min(placed, len(w.files))] {
				if f.differs() {
					if err := w.in.Rename(f.stage, f.path); err != nil {
						t.Fatal(err)
					}
				}
			}
			if again {
				installPrefix(t, update, dir)
				if got := laid(t, dir); got["bin/ollama"] != "program 2" || got["lib/ollama/old"] != "" {
					t.Errorf("after %d files and once more there is %v", placed, got)
				}
			}
			if r := uninstallPrefix(t, dir); len(r.Kept) > 0 {
				t.Errorf("after %d files it kept %q", placed, r.Kept)
			}
			expect(t, dir, before)
		}
	}
}
