package config_test

import (
	"errors"
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

// write makes the user's file of settings.
func write(t *testing.T, text string) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	dir, err := os.UserConfigDir()
	path := filepath.Join(dir, "fh-ollama", config.Name)
	err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	path := write(t, `
[convert]
force = true
output = "a b"
cluster-size = 8
[build]
backends = ["cpu", "cuda"]
`)
	for command, want := range map[string][]config.Setting{
		"convert": {{"cluster-size", []string{"8"}}, {"force", []string{"true"}}, {"output", []string{"a b"}}},
		"build":   {{"backends", []string{"cpu", "cuda"}}},
	} {
		if got, from, err := config.Load("", flags, command); err != nil || from != path || !reflect.DeepEqual(got, want) {
			t.Errorf("%v from %s, %v", got, from, err)
		}
	}
	// without a folder of settings none are read, least of all from the working directory
	t.Chdir(filepath.Dir(filepath.Dir(path)))
	for _, home := range []string{t.TempDir(), ".", ""} {
		t.Setenv("HOME", home)
		t.Setenv("XDG_CONFIG_HOME", ".")
		if got, from, err := config.Load("", flags, "convert"); got != nil || from != "" || err != nil {
			t.Errorf("HOME=%s: %v from %q, %v", home, got, from, err)
		}
	}
}

// A file that another user may have written is refused, unless the user names it.
func TestLoadOfAnother(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are those of Unix")
	}
	path := write(t, "[convert]\ncluster-size = 8\n")
	refused := func(why string) {
		t.Helper()
		if got, _, err := config.Load("", flags, "convert"); err == nil || !strings.Contains(err.Error(), path+
			" may be written by another user") || !strings.Contains(hint.Of(err), "if you trust it, name it with --config") {
			t.Errorf("%s: %v, %v", why, got, err)
		}
		if got, _, err := config.Load(path, flags, "convert"); err != nil || len(got) != 1 {
			t.Errorf("%s, but named: %v, %v", why, got, err)
		}
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
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
			_, _, err := config.Load("", flags, "convert") // even when another command's table is wrong
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) ||
				!strings.Contains(hint.Of(err), c.way) {
				t.Errorf("error %v, hint %q; they should name the file, %q and %q", err, hint.Of(err), c.want, c.way)
			}
		})
	}
}
