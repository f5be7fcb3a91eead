package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/config"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

var flags = map[string][]string{"convert": {"cluster-size", "force", "output"}, "build": {"jobs", "backends"}}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), config.Name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	path := write(t, "[convert]\ncluster-size = 8\nforce = true\noutput = \"a b\"\n[build]\nbackends = [\"cpu\", \"cuda\"]\njobs = 2\n")
	other := write(t, "[convert]\ncluster-size = 9\n")
	missing := filepath.Join(t.TempDir(), "none.toml")

	got, from, err := config.Load([]string{missing, path, other}, flags, "convert")
	want := []config.Setting{{"cluster-size", []string{"8"}}, {"force", []string{"true"}}, {"output", []string{"a b"}}}
	if err != nil || from != path || !reflect.DeepEqual(got, want) {
		t.Errorf("%v from %s, %v", got, from, err)
	}
	got, _, err = config.Load([]string{path}, flags, "build")
	want = []config.Setting{{"backends", []string{"cpu", "cuda"}}, {"jobs", []string{"2"}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, from, err := config.Load([]string{missing}, flags, "convert"); got != nil || from != "" || err != nil {
		t.Errorf("without a file: %v from %q, %v", got, from, err)
	}
}

func TestLoadDefects(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no TOML":          {"[convert\n", "toml"},
		"unknown table":    {"[konvert]\n", "unknown table [konvert]"},
		"unknown key":      {"[convert]\nclustersize = 8\n", `unknown key "clustersize" in [convert]`},
		"key outside":      {"cluster-size = 8\n", `unknown key "cluster-size"`},
		"command no table": {"convert = 8\n", "convert is no table"},
		"other's key":      {"[build]\ncluster-size = 8\n", `unknown key "cluster-size" in [build]`},
		"nested":           {"[convert.output]\na = 1\n", "[convert] output is no text"},
		"odd array":        {"[convert]\noutput = [[1]]\n", "[convert] output is an array"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, c.text)
			_, _, err := config.Load([]string{path}, flags, "convert") // even when another command's table is wrong
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || hint.Of(err) == "" {
				t.Errorf("error %v, way out %q; it should name the file and %q", err, hint.Of(err), c.want)
			}
		})
	}
}
