package main

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/ggmlhead"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/upstream"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

func TestWanted(t *testing.T) {
	all, err := wanted(nil)
	if err != nil || len(all) < 3 {
		t.Fatalf("%d releases, %v", len(all), err)
	}
	last := all[len(all)-1].Version
	if some, err := wanted([]string{last}); err != nil || len(some) != 1 || some[0].Version != last {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := wanted([]string{last, "v0.1.0"}); err == nil || !strings.Contains(err.Error(), "v0.1.0") {
		t.Errorf("an unknown version: %v", err)
	}
}

// Every pair in the plug-in's list is a pinned release with the ggml of its sources.
func TestListIsOfPinnedReleases(t *testing.T) {
	list, err := fs.ReadFile(ggmlhead.Sources, "hosts/plugin/flash-head-hosts.inc")
	if err != nil {
		t.Fatal(err)
	}
	own, err := source.ParsePins(thirdparty.Pins)
	if err != nil {
		t.Fatal(err)
	}
	pins, err := source.ParseHosts(thirdparty.Hosts)
	if err != nil {
		t.Fatal(err)
	}
	checked := []string{own.LlamaCpp.GGML + " " + own.Ollama.Version}
	for _, p := range pins {
		checked = append(checked, p.LlamaCpp.GGML+" "+p.Version)
	}
	lines := regexp.MustCompile(`(?m)^FLASH_HEAD_HOST\("([^"]+)", "([^"]+)", "([^"]+)"\)`).
		FindAllStringSubmatch(string(list), -1)
	if len(lines) == 0 {
		t.Fatalf("the list has no pair:\n%s", list)
	}
	for _, l := range lines {
		if pair := l[1] + " v" + l[3]; !slices.Contains(checked, pair) {
			t.Errorf("%s: third_party/hosts.toml has %q", l[0], checked)
		}
	}
}

func TestRow(t *testing.T) {
	pin := source.HostPin{Version: "v9.9.9", Wants: "b1", LlamaCpp: source.LlamaCppPin{Commit: "b2"}}
	made := upstream.HostBuild{GGML: "0.1.2", Relied: 3, Changed: make([]upstream.Finding, 1)}
	line, failure := row(pin, made)
	if want := "| v9.9.9 | b1, b2 | 0.1.2 | 2 of 3 | passes |\n"; line != want || failure != "" {
		t.Errorf("%q, %q", line, failure)
	}
	made.Test = errors.New("it crashes")
	line, failure = row(pin, made)
	if !strings.HasSuffix(line, "| no |\n") || !strings.Contains(failure, "v9.9.9, plug-in's test: it crashes") {
		t.Errorf("a failed test: %q, %q", line, failure)
	}
}
