package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/config"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

var flags = map[string][]string{"convert": {"cluster-size", "force", "output"}, "build": {"jobs", "backends", "lib"}}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), config.Name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	path := write(t, "[convert]\ncluster-size = 8\nforce = true\noutput = \"a b\"\n[build]\nbackends = [\"cpu\", "+
		"\"cuda\"]\njobs = 2\n")
	other := write(t, "[convert]\ncluster-size = 9\n")
	missing := filepath.Join(t.TempDir(), "none.toml")

	want := []config.Setting{{"cluster-size", []string{"8"}}, {"force", []string{"true"}}, {"output", []string{"a b"}}}
	for _, c := range []struct{ named, users string }{{"", path}, {path, other}, {path, missing}, {path, ""}} {
		got, from, err := config.Load(c.named, c.users, flags, "convert")
		if err != nil || from != path || !reflect.DeepEqual(got, want) {
			t.Errorf("%q before %q: %v from %s, %v", c.named, c.users, got, from, err)
		}
	}
	got, _, err := config.Load("", path, flags, "build")
	want = []config.Setting{{"backends", []string{"cpu", "cuda"}}, {"jobs", []string{"2"}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, users := range []string{missing, ""} {
		if got, from, err := config.Load("", users, flags, "convert"); got != nil || from != "" || err != nil {
			t.Errorf("without a file: %v from %q, %v", got, from, err)
		}
	}
	if _, _, err := config.Load(missing, path, flags, "convert"); !errors.Is(err, fs.ErrNotExist) || hint.Of(err) == "" {
		t.Errorf("of a named file that is not there: %v, hint %q", err, hint.Of(err))
	}
}

// A file in the working directory is not read, whatever the user's configuration directory is.
func TestUserPath(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct{ home, xdg, want string }{
		{"/home/ann", "", "/home/ann/.config/fh-ollama/fh-ollama.toml"},
		{"/home/ann", "/etc/ann", "/etc/ann/fh-ollama/fh-ollama.toml"},
		{"/home/ann", ".", ""},
		{".", "", ""},
		{"", "", ""},
	} {
		if runtime.GOOS != "linux" {
			t.Skip("elsewhere the folder has another name")
		}
		t.Setenv("HOME", c.home)
		t.Setenv("XDG_CONFIG_HOME", c.xdg)
		if got := config.UserPath(); got != c.want {
			t.Errorf("HOME=%s, XDG_CONFIG_HOME=%s: %q, not %q", c.home, c.xdg, got, c.want)
		}
	}
}

// A file that another user may have written is refused, unless the user names it.
func TestLoadOfAnother(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are those of Unix")
	}
	path := write(t, "[convert]\ncluster-size = 8\n")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	refused := func(why string) {
		t.Helper()
		if got, _, err := config.Load("", path, flags, "convert"); err == nil || !strings.Contains(err.Error(), path+
			" may be written by another user") || !strings.Contains(hint.Of(err), "if you trust it, name it with --config") {
			t.Errorf("%s: %v, %v", why, got, err)
		}
		if got, _, err := config.Load(path, "", flags, "convert"); err != nil || len(got) != 1 {
			t.Errorf("%s, but named: %v, %v", why, got, err)
		}
	}
	refused("all may write it")
	if os.Getuid() != 0 {
		return
	}
	if err := errors.Join(os.Chmod(path, 0o600), os.Chown(path, 12345, 12345)); err != nil {
		t.Fatal(err)
	}
	refused("another user owns it")
}

func TestLoadDefects(t *testing.T) {
	for name, c := range map[string]struct{ text, want, way string }{
		"no TOML":          {"[convert\n", "toml: line 2", "correct the file"},
		"unknown table":    {"[konvert]\n", "unknown table [konvert]", "the tables are build, convert"},
		"unknown key":      {"[convert]\nclustersize = 8\n", `unknown key "clustersize" in [convert]`, "the keys are "},
		"key outside":      {"cluster-size = 8\n", `unknown key "cluster-size"`, "[convert]"},
		"command no table": {"convert = 8\n", "convert is not a table", "write [convert]"},
		"other's key":      {"[build]\ncluster-size = 8\n", `unknown key "cluster-size" in [build]`, "the keys are "},
		"nested":           {"[convert.output]\na = 1\n", "[convert] output is not a text", "as you would"},
		"relative program": {"[build]\nlib = \"dist/lib\"\n", "[build] lib is not a whole path, so it", "as you would"},
		"odd array":        {"[convert]\noutput = [[1]]\n", "[convert] output is an array", "as you would"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, c.text)
			_, _, err := config.Load("", path, flags, "convert") // even when another command's table is wrong
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) ||
				!strings.Contains(hint.Of(err), c.way) {
				t.Errorf("error %v, hint %q; they should name the file, %q and %q", err, hint.Of(err), c.want, c.way)
			}
		})
	}
}
